//! Health, maintenance mode and this document.

use onhand_http::auth::Scope;
use onhand_wire::request::Maintenance;
use serde_json::json;
use utoipa::openapi::{
    HttpMethod::{Get, Post},
    Object,
    schema::Type,
};

use super::{
    answers::MaintenanceAnswer,
    call::{Call, call},
};
use crate::http::operations::Health;

const TAG: &str = "operations";

pub(super) fn calls() -> Vec<Call> {
    vec![health(), maintenance(), document()]
}

fn health() -> Call {
    let example = |status: &str, up: bool| {
        let known = |value: serde_json::Value| if up { value } else { serde_json::Value::Null };
        json!({"status": status, "database": up, "kafka": true, "region": "eu", "term": known(1.into()),
               "maintenance": known(false.into())})
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
