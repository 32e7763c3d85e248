//! The caller's token.

use std::path::PathBuf;

use onhand_http::setting::Secret;

use crate::Error;

#[derive(Clone)]
pub(crate) enum Token {
    None,
    Text(Secret),
    /// Read for each try, so that a token is renewed by writing the file.
    File(PathBuf),
}

impl Token {
    pub(crate) async fn read(&self) -> Result<Option<Secret>, Error> {
        match self {
            Self::None => Ok(None),
            Self::Text(token) => Ok(Some(token.clone())),
            Self::File(path) => match tokio::fs::read_to_string(path).await {
                Ok(text) => Ok(Some(Secret::new(text.trim()))),
                Err(source) => Err(Error::TokenFile { path: path.clone(), source }),
            },
        }
    }
}
