//! Health, maintenance mode and this document.

use onhand_http::auth::Scope;
use onhand_wire::{Code, request::Maintenance};
use serde_json::json;
use utoipa::openapi::{
    HttpMethod::{Get, Post},
    Object, Required,
    schema::Type,
};

use super::{
    answers::{MaintenanceAnswer, Nothing},
    call::{Call, call},
};
use crate::http::operations::Health;

const TAG: &str = "operations";

pub(super) fn calls() -> Vec<Call> {
    vec![health(), maintenance(), heartbeat(), document()]
}

fn health() -> Call {
    let example = |status: &str, up: bool| {
        let known = |value: serde_json::Value| if up { value } else { serde_json::Value::Null };
        json!({"status": status, "database": up, "kafka": true, "region": "eu", "term": known(1.into()),
               "maintenance": known(false.into()),
               "alerting": {"says": "alerting last heard 12 s ago", "last_heard_s": 12, "silent": false}})
    };
    call(TAG, Get, "/inventory/health", "health")
        .says("Whether the origin can decide", "Kafka's loss does not make it unhealthy.")
        .answers::<Health>(200, "Healthy.", example("healthy", true))
        .answers::<Health>(503, "The database cannot be reached.", example("unhealthy", false))
}

fn maintenance() -> Call {
    call(TAG, Post, "/inventory/admin/maintenance", "setMaintenance")
        .writes_in_maintenance(Scope::Admin)
        .says("Switch maintenance mode", "While it is on, other writes answer 503 maintenance; reads and health go on.")
        .body::<Maintenance>(json!({"maintenanceMode": true, "message": "back at 9"}))
        .answers::<MaintenanceAnswer>(200, "Switched.", json!({"maintenanceMode": true, "message": "back at 9"}))
}

fn heartbeat() -> Call {
    call(TAG, Post, "/internal/api/alerting/heartbeat", "alertingHeartbeat")
        .needs(Scope::Alerting)
        .says(
            "Alerting lives",
            "Called by Alertmanager's dead-man route, whose body may be any JSON. When it stays away for \
             `origin.alerting.silent_after`, people are told by `origin.alerting.webhooks`.",
        )
        .content("application/json", Object::with_type(Type::Object), json!({"receiver": "dead-man"}), Required::False)
        .answers::<Nothing>(200, "Heard.", json!({}))
        .refuses(&[Code::InvalidRequest, Code::TooLarge, Code::UnsupportedMediaType])
}

fn document() -> Call {
    let says = "OpenAPI 3.1.";
    call(TAG, Get, "/openapi.json", "openapi").says("This document", "").answers_with(
        200,
        says,
        "application/json",
        Object::with_type(Type::Object),
        serde_json::Value::Null,
    )
}
