//! What a line is, for parsers, counts and limits alike: it ends with `\n`, `\r\n` or `\r` alone, as spreadsheets of all
//! times write them.

use memchr::memchr2_iter;

/// Lines that have gone by, told piece by piece.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Lines that have ended.
    pub(super) ended: u64,
    /// Bytes of the longest line so far, one that has not ended yet included.
    pub(super) longest: usize,
    length: usize,
    after_cr: bool,
}

impl Lines {
    /// After so many that were read elsewhere.
    pub(super) fn after(ended: u64) -> Self {
        Self { ended, ..Self::default() }
    }

    pub(super) fn pass(&mut self, bytes: &[u8]) {
        let mut start = 0;
        for end in memchr2_iter(b'\r', b'\n', bytes) {
            let second_half = self.after_cr && end == start && bytes[end] == b'\n';
            if !second_half {
                self.grow(end - start);
                self.ended += 1;
            }
            self.length = 0;
            self.after_cr = bytes[end] == b'\r';
            start = end + 1;
        }
        if start < bytes.len() {
            self.grow(bytes.len() - start);
            self.after_cr = false;
        }
    }

    fn grow(&mut self, bytes: usize) {
        self.length += bytes;
        self.longest = self.longest.max(self.length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However the file is cut.
    #[test]
    fn a_line_ends_in_three_ways() {
        for (text, ended, longest) in [
            ("", 0, 0),
            ("abc", 0, 3),
            ("a\nbb\n", 2, 2),
            ("a\r\nbb\r\n", 2, 2),
            ("a\rbb\r", 2, 2),
            ("\n\n", 2, 0),
            ("\r\r", 2, 0),
            ("\r\n\r\n", 2, 0),
            ("\n\r", 2, 0),
            ("a\r\nb\rc\nd", 3, 1),
        ] {
            for cut in 0..=text.len() {
                let mut lines = Lines::default();
                lines.pass(&text.as_bytes()[..cut]);
                lines.pass(&text.as_bytes()[cut..]);
                assert_eq!((lines.ended, lines.longest), (ended, longest), "{text:?} cut at {cut}");
            }
        }
    }
}
