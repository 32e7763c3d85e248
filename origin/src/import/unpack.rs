//! A body that came packed: gzip or zstd, unpacked piece by piece.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
};

use flate2::bufread::MultiGzDecoder;
use onhand_wire::{Code, Problem};
use ruzstd::decoding::{
    FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// What a file's frames may look back on. RFC 9659: nobody needs more of what comes by HTTP.
const WINDOW: u64 = 8 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    /// By `Content-Encoding`.
    pub fn of(encoding: Option<&[u8]>) -> Result<Self, Problem> {
        match encoding.unwrap_or(b"identity").trim_ascii().to_ascii_lowercase().as_slice() {
            b"identity" => Ok(Self::None),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"zstd" => Ok(Self::Zstd),
            _ => Err(Problem::new(Code::UnsupportedMediaType, "Content-Encoding: gzip, zstd, or none")),
        }
    }

    pub(super) fn reader(self, file: File) -> Box<dyn Read + Send> {
        let file = BufReader::with_capacity(1 << 16, file);
        match self {
            Self::None => Box::new(file),
            Self::Gzip => Box::new(MultiGzDecoder::new(file)),
            Self::Zstd => Box::new(Frames { source: file, decoder: None, any: false }),
        }
    }
}

/// One frame after the other, as `zstd` and `pzstd` write them.
struct Frames<R> {
    source: R,
    /// The frame under way.
    decoder: Option<FrameDecoder>,
    /// Whether there has been one.
    any: bool,
}

impl<R: BufRead> Frames<R> {
    /// The next frame; false at the end.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return if self.any { Ok(false) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            self.any = true;
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(WINDOW);
            match decoder.init(&mut self.source) {
                Ok(()) => {
                    self.decoder = Some(decoder);
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut self.source.by_ref().take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(damaged(error)),
            }
        }
    }
}

fn damaged(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(decoder) = &mut self.decoder else {
                if into.is_empty() || !self.begin()? {
                    return Ok(0);
                }
                continue;
            };
            if decoder.can_collect() > 0 {
                return decoder.read(into);
            }
            if decoder.is_finished() {
                self.decoder = None;
                continue;
            }
            let some = ruzstd::decoding::BlockDecodingStrategy::UptoBlocks(1);
            decoder.decode_blocks(&mut self.source, some).map_err(damaged)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    fn read(packing: Packing, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        packing.reader(file(bytes)).read_to_end(&mut all)?;
        Ok(all)
    }

    #[test]
    fn both_are_read_whole_and_in_several_parts() {
        let text = b"sku,location,quantity\nA,a,1\n".repeat(1000);
        let gzip = |text: &[u8]| {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(text).unwrap();
            packed.finish().unwrap()
        };
        let zstd = |text: &[u8]| ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest);
        type Pack<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
        let both: [(Packing, Pack<'_>); 2] = [(Packing::Gzip, &gzip), (Packing::Zstd, &zstd)];
        for (packing, pack) in both {
            assert_eq!(read(packing, &pack(&text)).unwrap(), text, "{packing:?}");
            let parts = [pack(&text[..5000]), pack(&text[5000..])].concat();
            assert_eq!(read(packing, &parts).unwrap(), text, "{packing:?} in two parts");
            let cut = pack(&text);
            assert!(read(packing, &cut[..cut.len() - 9]).is_err(), "{packing:?} broken off");
            assert!(read(packing, &text).is_err(), "{packing:?}: not packed at all");
            assert!(read(packing, b"").is_err(), "{packing:?}: nothing");
        }
    }
}
