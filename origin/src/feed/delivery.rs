//! One result for all records of a publication, however many: a future for each would cost as much as sending it.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::{
    ClientContext,
    error::KafkaError,
    producer::{DeliveryResult, ProducerContext},
};
use tokio::sync::oneshot;

use super::FeedError;

/// Each record on its way holds one of these. Nothing is sent until one fails; when the last record is acknowledged,
/// the receiver finds the channel closed.
pub(super) struct Publication(Mutex<Option<oneshot::Sender<FeedError>>>);

impl Publication {
    pub(super) fn new() -> (Self, oneshot::Receiver<FeedError>) {
        let (failure, failed) = oneshot::channel();
        (Self(Mutex::new(Some(failure))), failed)
    }

    /// The first failure is the result, whatever happens to the others.
    pub(super) fn fail(&self, error: &KafkaError) {
        if let Some(waiting) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _nobody_waits = waiting.send(FeedError(error.to_string()));
        }
    }
}

pub(super) struct Deliveries;

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Publication>;

    fn delivery(&self, result: &DeliveryResult<'_>, publication: Self::DeliveryOpaque) {
        if let Err((error, _)) = result {
            publication.fail(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaErrorCode;
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    #[test]
    fn a_publication_is_answered_with_its_last_record_or_its_first_failure() {
        let (publication, mut answer) = Publication::new();
        let one = Arc::new(publication);
        let other = one.clone();
        drop(one);
        assert_eq!(answer.try_recv().unwrap_err(), TryRecvError::Empty, "the other is still on its way");
        drop(other);
        assert_eq!(answer.try_recv().unwrap_err(), TryRecvError::Closed);

        let (publication, mut answer) = Publication::new();
        let on_its_way = Arc::new(publication);
        on_its_way.fail(&KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
        assert!(answer.try_recv().unwrap().0.contains("QueueFull"));
    }
}
