//! Every limit that a caller can meet, in one place.

/// Longest SKU, in bytes of UTF-8.
pub const SKU_BYTES: usize = 64;
/// Longest location or channel id, in characters.
pub const ID_CHARS: usize = 32;
/// Largest quantity, in whole units.
pub const QUANTITY: u32 = 1_000_000_000;
/// Most SKUs in one availability query.
pub const QUERY_SKUS: usize = 500;
/// Most lines in one reservation.
pub const RESERVATION_LINES: usize = 500;
/// Most SKUs in one stream.
pub const STREAM_SKUS: usize = 100;
/// Changes that may wait for a stream's reader; beyond that, the stream ends with `slow_reader`.
pub const STREAM_BACKLOG: usize = 256;
/// Most lines in one quote: as many as a reservation may have.
pub const QUOTE_LINES: usize = RESERVATION_LINES;
/// Largest total of a quote, in minor units: the largest whole number that every JSON reader keeps exactly.
pub const TOTAL: i64 = (1 << 53) - 1;
/// Most locations that a channel may list, or a lookup may name.
pub const LOCATIONS: usize = 500;
/// Longest hold: 31 days, in seconds.
pub const TTL_S: u32 = 2_678_400;
/// A hold's life when the caller names none, in seconds.
pub const TTL_DEFAULT_S: u32 = 600;
/// Longest `Idempotency-Key`, in visible ASCII characters.
pub const IDEMPOTENCY_KEY_CHARS: usize = 128;
/// Longest subject of a token, in bytes of UTF-8: it is part of keys that a database indexes.
pub const SUBJECT_BYTES: usize = 255;
/// Longest free text (a reason, a name, an order reference), in bytes of UTF-8.
pub const TEXT_BYTES: usize = 512;
/// Largest price, in minor units.
pub const AMOUNT: i64 = 1_000_000_000_000;
/// Most attributes on an item.
pub const ATTRIBUTES: usize = 64;
/// Most `attr.` filters of one product search.
pub const SEARCH_ATTRIBUTES: usize = 16;
/// Most words in the `q` of a product search.
pub const SEARCH_WORDS: usize = 16;
/// Largest body that is read, in bytes (imports are streamed, up to `origin.imports.max_bytes`).
pub const BODY_BYTES: usize = 1 << 20;
/// Largest body of a pushed release, in bytes: a component of 40 MiB in base64, and the other parts.
pub const RELEASE_BYTES: usize = 64 << 20;
/// How much of a body that is too large is read and dropped, so that the caller sees the 413.
pub const BODY_DRAIN_BYTES: usize = 8 << 20;
/// Longest row of an import, in bytes.
pub const IMPORT_ROW_BYTES: usize = 64 << 10;
/// Row errors that an import's answer lists.
pub const IMPORT_ERRORS: usize = 100;
/// Largest page of a list.
pub const PAGE: usize = 500;
/// Page size when the caller names none.
pub const PAGE_DEFAULT: usize = 100;
/// Most version floors that a session token carries; beyond that, only its time counts.
pub const SESSION_FLOORS: usize = 64;
