//! What edge and origin both do with HTTP, each thing once. Nothing of the domain is in here.

pub mod unread;
