//! What a batch is asked to do, and what comes back.

use onhand_wire::{
    ChannelId, Fact, Item, LocationId, Problem, Sku, Stock, Timestamp,
    auth::Sees,
    request::{
        Adjust, Cancel, Confirm, Extend, Fulfil, Hold, Maintenance, Policy, PutChannel, PutItem, PutLocation, Return,
        SetStock, Transfer,
    },
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{decide::Correct, import::ImportRow};

/// One change, checked for form, not yet for the state it meets.
#[derive(Debug, Clone)]
pub enum Command {
    PutItem(Sku, PutItem),
    DeleteItem(Sku),
    SetStock(Sku, SetStock),
    Adjust(Sku, Adjust),
    Transfer(Transfer),
    SetPolicy(Sku, Policy),
    PutLocation(LocationId, PutLocation),
    PutChannel(ChannelId, PutChannel),
    Import(Vec<ImportRow>),
    Maintain(Maintenance),
    Hold(Uuid, Hold),
    Extend(Uuid, Extend),
    Confirm(Uuid, Confirm),
    Cancel(Uuid, Cancel),
    Fulfil(Uuid, Fulfil),
    Return(Uuid, Return),
    /// The sweeper's: closes a hold that is past its deadline.
    Expire(Uuid),
    /// Sets rows right, as their books say under the lock.
    Reconcile(Vec<Correct>),
    /// Keeps the answer of a call that was more than one command.
    Keep(String),
    /// Gets what was kept: refused where nothing was.
    Recall,
}

impl Command {
    /// The SKUs that it names; a verb's are its reservation's.
    pub fn skus(&self) -> Vec<Sku> {
        match self {
            Self::PutItem(sku, _) | Self::DeleteItem(sku) | Self::SetStock(sku, _) => vec![sku.clone()],
            Self::Adjust(sku, _) | Self::SetPolicy(sku, _) => vec![sku.clone()],
            Self::Transfer(transfer) => vec![transfer.sku.clone()],
            Self::Hold(_, hold) => hold.lines.iter().map(|line| line.sku.clone()).collect(),
            Self::Import(rows) => rows.iter().map(|row| row.sku.clone()).collect(),
            Self::Reconcile(rows) => rows.iter().map(|row| row.sku.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// SKUs whose open reservations and ledger sums it must know.
    pub fn reconciles(&self) -> Vec<Sku> {
        if matches!(self, Self::Reconcile(_)) { self.skus() } else { Vec::new() }
    }

    pub fn reservation(&self) -> Option<Uuid> {
        match self {
            Self::Extend(id, _) | Self::Confirm(id, _) | Self::Cancel(id, _) | Self::Fulfil(id, _) => Some(*id),
            Self::Return(id, _) | Self::Expire(id) => Some(*id),
            _ => None,
        }
    }

    pub fn changes_topology(&self) -> bool {
        matches!(self, Self::PutLocation(..) | Self::PutChannel(..))
    }

    /// Who changed it stands in no ledger line.
    pub(crate) fn is_unledgered(&self) -> bool {
        matches!(
            self,
            Self::PutItem(..)
                | Self::DeleteItem(..)
                | Self::PutLocation(..)
                | Self::PutChannel(..)
                | Self::Maintain(..)
        )
    }

    pub fn is_hold(&self) -> bool {
        matches!(self, Self::Hold(..))
    }

    /// Large and patient: nobody else's command is to wait behind it.
    pub fn is_bulk(&self) -> bool {
        matches!(self, Self::Import(_))
    }
}

/// SHA-256 of method, path and parsed JSON: whether two calls are the same.
pub type Digest = [u8; 32];

pub fn digest(method: &str, path: &str, body: &[u8]) -> Digest {
    // Parsed and written again: member order and white space do not make another call.
    let body = if body.is_empty() { b"{}" } else { body };
    let parsed: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [method.as_bytes(), path.as_bytes(), parsed.to_string().as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// A command and who asks.
#[derive(Debug, Clone)]
pub struct Ask {
    pub command: Command,
    /// The token's subject: owns the key, and is the ledger's actor.
    pub actor: String,
    /// For whom the subject acts (`auth.owner_claim`): owns the key with it, and what the command makes.
    pub owner: Option<String>,
    /// Whose reservations there are for this command.
    pub sees: Sees,
    /// The caller's, or made here, so that a COMMIT whose answer was lost can be settled by looking.
    pub key: String,
    pub digest: Digest,
    pub correlation: String,
}

/// A reservation, and the one owner whose it must be to be there at all; none: anybody's.
pub type Named = (Uuid, Option<String>);

/// Between subject and owner where both are one text: neither has control characters.
const BETWEEN: char = '\u{1f}';

impl Ask {
    /// The reservation that it names.
    pub fn reservation(&self) -> Option<Named> {
        self.command.reservation().map(|id| (id, self.sees.only().map(str::to_owned)))
    }

    /// Whose the key is, and the key: the same subject's keys are others for another owner.
    pub fn kept_under(&self) -> (String, String) {
        let keeper = match &self.owner {
            Some(owner) => format!("{}{BETWEEN}{owner}", self.actor),
            None => self.actor.clone(),
        };
        (keeper, self.key.clone())
    }

    /// Whose open units a hold counts for.
    pub fn holder(&self) -> String {
        match &self.owner {
            Some(owner) => format!("owner:{owner}"),
            None => format!("subject:{}", self.actor),
        }
    }
}

/// What a command did.
#[derive(Debug, Clone)]
pub struct Done {
    pub status: u16,
    /// JSON.
    pub body: String,
    /// The facts and items that it changed, as they are now.
    pub stocks: Vec<Stock>,
}

/// What the caller gets.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    pub replayed: bool,
    /// Read after the commit.
    pub committed_at: Timestamp,
    pub stocks: Vec<Stock>,
}

pub type Outcome = Result<Answer, Problem>;

/// Groups changed facts and items by SKU.
pub fn group(items: Vec<Item>, facts: Vec<Fact>) -> Vec<Stock> {
    let mut by_sku = std::collections::BTreeMap::<Sku, Stock>::new();
    for item in items {
        by_sku.entry(item.sku.clone()).or_default().join_item(item);
    }
    for fact in facts {
        by_sku.entry(fact.sku.clone()).or_default().join_fact(fact);
    }
    by_sku.into_values().collect()
}
