//! What a batch is asked to do.

mod correction;
mod import;
mod order;

use onhand_wire::{
    ChannelId, LocationId, Sees, Sku,
    request::{
        Adjust, Cancel, Confirm, Extend, Fulfil, Hold, Maintenance, Policy, PutChannel, PutItem, PutLocation,
        Reallocate, Return, SetLines, SetStock, Transfer,
    },
};
use uuid::Uuid;

pub use self::{
    correction::Correction,
    import::{ImportMode, ImportRow, Suspect},
    order::{DecideOrder, Paid, SettleOrder},
};
use crate::key::{CallDigest, CallKey, NamedReservation, call_key};

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
    DeleteLocation(LocationId),
    /// With how many open holds were made for it.
    DeleteChannel(ChannelId, i64),
    Import(Vec<ImportRow>),
    Maintain(Maintenance),
    Hold(Uuid, Hold),
    Extend(Uuid, Extend),
    Confirm(Uuid, Confirm),
    Cancel(Uuid, Cancel),
    Fulfil(Uuid, Fulfil),
    Return(Uuid, Return),
    SetLines(Uuid, SetLines),
    Reallocate(Uuid, Reallocate),
    /// The lanes': decides a queued order, if it is its turn.
    Order(Box<DecideOrder>),
    /// The lanes': what an order's payment came to.
    Settle(SettleOrder),
    /// The sweeper's: closes a hold that is past its deadline.
    Expire(Uuid),
    /// Sets rows right, as their books say under the lock.
    Reconcile(Vec<Correction>),
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
            Self::Order(order) => order.record.order.lines.iter().map(|line| line.sku.clone()).collect(),
            // What it adds; what it takes away is its reservation's.
            Self::SetLines(_, body) => body.lines.iter().map(|line| line.sku.clone()).collect(),
            Self::Import(rows) => rows.iter().flat_map(|row| row.written.iter().chain([&row.sku])).cloned().collect(),
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
            Self::Return(id, _) | Self::SetLines(id, _) | Self::Reallocate(id, _) | Self::Expire(id) => Some(*id),
            Self::Settle(settle) => Some(settle.reservation),
            _ => None,
        }
    }

    pub fn changes_topology(&self) -> bool {
        matches!(
            self,
            Self::PutLocation(..) | Self::PutChannel(..) | Self::DeleteLocation(..) | Self::DeleteChannel(..)
        )
    }

    /// Who changed it stands in no ledger line.
    pub(crate) fn is_unledgered(&self) -> bool {
        matches!(
            self,
            Self::PutItem(..)
                | Self::DeleteItem(..)
                | Self::PutLocation(..)
                | Self::PutChannel(..)
                | Self::DeleteLocation(..)
                | Self::DeleteChannel(..)
                | Self::Maintain(..)
        )
    }

    /// Whether it may open more units.
    pub fn is_hold(&self) -> bool {
        matches!(self, Self::Hold(..) | Self::SetLines(..) | Self::Order(..))
    }

    /// The order that it decides, or settles.
    pub fn order(&self) -> Option<Uuid> {
        match self {
            Self::Order(order) => Some(order.record.id),
            Self::Settle(settle) => Some(settle.order),
            _ => None,
        }
    }

    /// Large and patient: nobody else's command is to wait behind it.
    pub fn is_bulk(&self) -> bool {
        matches!(self, Self::Import(_))
    }
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
    pub digest: CallDigest,
    pub correlation: String,
}

impl Ask {
    /// The reservation that it names.
    pub fn reservation(&self) -> Option<NamedReservation> {
        self.command.reservation().map(|id| (id, self.sees.only().map(str::to_owned)))
    }

    /// Under which its answer is kept.
    pub fn kept_under(&self) -> CallKey {
        call_key(&self.actor, self.owner.as_deref(), &self.key)
    }

    /// Whose open units a hold counts for.
    pub fn holder(&self) -> String {
        match &self.owner {
            Some(owner) => format!("owner:{owner}"),
            None => format!("subject:{}", self.actor),
        }
    }
}
