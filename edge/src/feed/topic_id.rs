//! The id that Kafka gave the topic: offsets of a deleted and recreated topic mean nothing.

// librdkafka's DescribeTopics has no safe binding in rdkafka 0.39. The argument for this module's
// `unsafe`: every pointer comes from the librdkafka call above it and is checked for null; options,
// collection, queue and event are destroyed in reverse order by guards, on every path; what the event
// owns (the topics, the id, its text) is copied out before the event goes; the client outlives the
// call, because it is borrowed.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, CString},
    ptr,
    sync::Arc,
    time::Duration,
};

use rdkafka::{bindings as sys, client::NativeClient, consumer::Consumer, consumer::ConsumerContext};

/// Destroys what librdkafka gave when it goes out of scope.
struct Guard<T>(*mut T, unsafe extern "C" fn(*mut T));

impl<T> Drop for Guard<T> {
    fn drop(&mut self) {
        // SAFETY: made by the matching constructor, not null, destroyed once.
        unsafe { (self.1)(self.0) }
    }
}

fn guard<T>(pointer: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> Option<Guard<T>> {
    (!pointer.is_null()).then_some(Guard(pointer, destroy))
}

/// The topic's id; `None` if the brokers do not answer in time, or the topic does not exist.
pub(super) fn fetch<C: ConsumerContext>(
    consumer: &impl Consumer<C>,
    topic: &str,
    timeout: Duration,
) -> Option<Arc<str>> {
    describe(consumer.client().native_client(), &CString::new(topic).ok()?, timeout)
}

fn describe(client: &NativeClient, topic: &CStr, timeout: Duration) -> Option<Arc<str>> {
    let ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: see the module's argument.
    unsafe {
        let rk = client.ptr();
        let options = sys::rd_kafka_AdminOptions_new(rk, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        let options = guard(options, sys::rd_kafka_AdminOptions_destroy)?;
        sys::rd_kafka_AdminOptions_set_request_timeout(options.0, ms, ptr::null_mut(), 0);
        let mut names = [topic.as_ptr()];
        let topics = sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        let topics = guard(topics, sys::rd_kafka_TopicCollection_destroy)?;
        let queue = guard(sys::rd_kafka_queue_new(rk), sys::rd_kafka_queue_destroy)?;
        sys::rd_kafka_DescribeTopics(rk, topics.0, options.0, queue.0);
        let event = guard(sys::rd_kafka_queue_poll(queue.0, ms), sys::rd_kafka_event_destroy)?;
        let result = sys::rd_kafka_event_DescribeTopics_result(event.0);
        if result.is_null()
            || sys::rd_kafka_event_error(event.0) != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            return None;
        }
        let mut count = 0;
        let described = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        if described.is_null() || count != 1 {
            return None;
        }
        let description = *described;
        let error = sys::rd_kafka_TopicDescription_error(description);
        if !error.is_null() && sys::rd_kafka_error_code(error) != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        let id = sys::rd_kafka_TopicDescription_topic_id(description);
        let text = if id.is_null() { ptr::null() } else { sys::rd_kafka_Uuid_base64str(id) };
        if text.is_null() {
            return None;
        }
        CStr::from_ptr(text).to_str().ok().map(Arc::from)
    }
}
