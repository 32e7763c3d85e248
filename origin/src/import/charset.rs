//! In which letters a file is written; everything after this reads UTF-8.

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use onhand_wire::Problem;

use super::notes::Notes;

/// What a caller says, by `charset=` or in the `Content-Type`.
pub fn named(label: &str) -> Result<&'static Encoding, Problem> {
    Encoding::for_label_no_replacement(label.trim().trim_matches('"').as_bytes()).ok_or_else(|| {
        Problem::field("charset", "a name of the WHATWG Encoding Standard, such as utf-8 or windows-1252")
    })
}

/// Decided by what the file begins with, what the caller says, whether it is UTF-8, in this order. `text`: whether a
/// file that says nothing and is not UTF-8 is read as what Windows writes; JSON never is.
pub(super) fn settle(
    head: &[u8],
    said: Option<&'static Encoding>,
    is_utf8: bool,
    text: bool,
    notes: &mut Notes,
) -> &'static Encoding {
    let found = if let Some((encoding, _)) = Encoding::for_bom(head) {
        encoding
    } else if let Some(said) = said {
        said
    } else if let [first, second, ..] = head
        && (*first == 0) != (*second == 0)
    {
        if *first == 0 { UTF_16BE } else { UTF_16LE }
    } else if is_utf8 || !text {
        UTF_8
    } else {
        WINDOWS_1252
    };
    if found == WINDOWS_1252 && said.is_none() {
        let told = "the file is not UTF-8: it was read as windows-1252; if it is another, say charset=";
        notes.tell("charset", told.to_owned());
    } else if found != UTF_8 {
        notes.tell("charset", format!("read as {}", found.name()));
    }
    found
}

/// What does not belong to the letters stands as U+FFFD, which no SKU has.
pub(super) struct ToUtf8 {
    decoder: encoding_rs::Decoder,
    text: String,
}

impl ToUtf8 {
    pub(super) fn new(encoding: &'static Encoding) -> Self {
        Self { decoder: encoding.new_decoder_with_bom_removal(), text: String::with_capacity(1 << 17) }
    }

    /// The next piece of the file; `last`: there is none after it.
    pub(super) fn decode(&mut self, bytes: &[u8], last: bool) -> &str {
        self.text.clear();
        let mut left = bytes;
        loop {
            let (result, read) = self.decoder.decode_to_string_without_replacement(left, &mut self.text, last);
            left = &left[read..];
            match result {
                DecoderResult::InputEmpty => return &self.text,
                DecoderResult::OutputFull => self.text.reserve(left.len() * 3 + 16),
                DecoderResult::Malformed(..) => self.text.push(char::REPLACEMENT_CHARACTER),
            }
        }
    }
}

/// Whether bytes are UTF-8, told piece by piece.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    broken: bool,
    /// A character that is not whole yet.
    begun: Vec<u8>,
}

impl Utf8 {
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        let mut bytes = bytes;
        while !self.begun.is_empty() && !bytes.is_empty() {
            self.begun.push(bytes[0]);
            bytes = &bytes[1..];
            match std::str::from_utf8(&self.begun) {
                Ok(_) => self.begun.clear(),
                Err(error) if error.error_len().is_some() => self.broken = true,
                Err(_) => continue,
            }
            if self.broken {
                return;
            }
        }
        if let Err(error) = std::str::from_utf8(bytes) {
            self.broken |= error.error_len().is_some();
            self.begun.extend_from_slice(&bytes[error.valid_up_to()..]);
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        !self.broken && self.begun.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(head: &[u8], said: Option<&str>, is_utf8: bool) -> &'static str {
        let said = said.map(|label| named(label).unwrap());
        settle(head, said, is_utf8, true, &mut Notes::default()).name()
    }

    #[test]
    fn what_the_file_begins_with_goes_before_what_is_said() {
        assert_eq!(settled(b"sku", None, true), "UTF-8");
        assert_eq!(settled(b"\xff\xfes\0", Some("utf-8"), false), "UTF-16LE");
        assert_eq!(settled(b"\xfe\xff\0s", None, false), "UTF-16BE");
        assert_eq!(settled(b"s\0k\0", None, true), "UTF-16LE");
        assert_eq!(settled(b"\0s\0k", None, true), "UTF-16BE");
        assert_eq!(settled(b"sku", Some("iso-8859-15"), true), "ISO-8859-15");
        assert_eq!(settled(b"Gr\xf6\xdfe", None, false), "windows-1252");
        assert!(named("klingon").is_err());
    }

    #[test]
    fn pieces_are_decoded_as_the_whole() {
        let text = "Größe;„x“\r\n€";
        let (bytes, ..) = WINDOWS_1252.encode(text);
        for cut in 0..bytes.len() {
            let mut to = ToUtf8::new(WINDOWS_1252);
            let first = to.decode(&bytes[..cut], false).to_owned();
            assert_eq!(first + to.decode(&bytes[cut..], true), text);
        }
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for cut in 0..wide.len() {
            let mut to = ToUtf8::new(UTF_16LE);
            let first = to.decode(&wide[..cut], false).to_owned();
            assert_eq!(first + to.decode(&wide[cut..], true), text);
        }
    }

    #[test]
    fn utf8_is_known_however_it_is_cut() {
        for (bytes, is) in
            [("Größe €😀".as_bytes(), true), (b"Gr\xf6\xdfe", false), (b"abc\xe2\x82", false), (b"", true)]
        {
            for cut in 0..=bytes.len() {
                let mut utf8 = Utf8::default();
                utf8.pass(&bytes[..cut]);
                utf8.pass(&bytes[cut..]);
                assert_eq!(utf8.is_whole(), is, "{bytes:?} cut at {cut}");
            }
        }
    }
}
