//! One answer for all records of a publication, however many: a future for each would cost as much as sending it.

use std::sync::{Mutex, PoisonError};

use rdkafka::{
    ClientContext,
    error::KafkaError,
    producer::{DeliveryResult, ProducerContext},
};
use tokio::sync::oneshot;

use super::FeedError;

/// Each record on its way holds one of these; with the last one the publication is acknowledged.
pub(super) struct Publication(Mutex<Option<Answer>>);

type Answer = oneshot::Sender<Result<(), FeedError>>;

impl Publication {
    pub(super) fn new() -> (Self, oneshot::Receiver<Result<(), FeedError>>) {
        let (answer, answered) = oneshot::channel();
        (Self(Mutex::new(Some(answer))), answered)
    }

    /// The first failure is the answer, whatever becomes of the others.
    pub(super) fn fail(&self, error: &KafkaError) {
        self.answer(Err(FeedError(error.to_string())));
    }

    fn answer(&self, answer: Result<(), FeedError>) {
        if let Some(waiting) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _nobody_waits = waiting.send(answer);
        }
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        self.answer(Ok(()));
    }
}

pub(super) struct Deliveries;

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = std::sync::Arc<Publication>;

    fn delivery(&self, result: &DeliveryResult<'_>, publication: Self::DeliveryOpaque) {
        if let Err((error, _)) = result {
            publication.fail(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rdkafka::types::RDKafkaErrorCode;

    use super::*;

    #[test]
    fn a_publication_is_answered_with_its_last_record_or_its_first_failure() {
        let (publication, mut answer) = Publication::new();
        let one = Arc::new(publication);
        let other = one.clone();
        drop(one);
        assert!(answer.try_recv().is_err(), "the other is still on its way");
        drop(other);
        assert!(answer.try_recv().unwrap().is_ok());

        let (publication, mut answer) = Publication::new();
        let on_its_way = Arc::new(publication);
        on_its_way.fail(&KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
        assert!(answer.try_recv().unwrap().unwrap_err().0.contains("QueueFull"));
    }
}
