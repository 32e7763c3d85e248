//! What wit-bindgen makes of the WIT; the modules beside this one give it a plainer face.
#![allow(unsafe_code, reason = "generated: the canonical ABI reads and writes the guest's memory")]
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]

pub mod view {
    wit_bindgen::generate!({
        world: "view",
        path: "../../wit/rules/since-v0.1",
        runtime_path: "::onhand_rule::bindings::rt",
        pub_export_macro: true,
        default_bindings_module: "onhand_rule::bindings::view",
        additional_derives: [PartialEq],
    });
}

pub mod allocation {
    wit_bindgen::generate!({
        world: "allocation",
        path: "../../wit/rules/since-v0.1",
        runtime_path: "::onhand_rule::bindings::rt",
        pub_export_macro: true,
        default_bindings_module: "onhand_rule::bindings::allocation",
        additional_derives: [PartialEq],
        with: {
            "onhand:rules/host@0.1.0": crate::bindings::view::onhand::rules::host,
            "onhand:rules/errors@0.1.0": crate::bindings::view::onhand::rules::errors,
        },
    });
}

pub mod ranking {
    wit_bindgen::generate!({
        world: "ranking",
        path: "../../wit/rules/since-v0.1",
        runtime_path: "::onhand_rule::bindings::rt",
        pub_export_macro: true,
        default_bindings_module: "onhand_rule::bindings::ranking",
        additional_derives: [PartialEq],
        with: {
            "onhand:rules/host@0.1.0": crate::bindings::view::onhand::rules::host,
            "onhand:rules/errors@0.1.0": crate::bindings::view::onhand::rules::errors,
            "onhand:rules/places@0.1.0": crate::bindings::allocation::onhand::rules::places,
            "onhand:rules/serving@0.1.0": crate::bindings::allocation::onhand::rules::serving,
        },
    });
}

pub mod pricing {
    wit_bindgen::generate!({
        world: "pricing",
        path: "../../wit/rules/since-v0.1",
        runtime_path: "::onhand_rule::bindings::rt",
        pub_export_macro: true,
        default_bindings_module: "onhand_rule::bindings::pricing",
        additional_derives: [PartialEq],
        with: {
            "onhand:rules/host@0.1.0": crate::bindings::view::onhand::rules::host,
            "onhand:rules/errors@0.1.0": crate::bindings::view::onhand::rules::errors,
            "onhand:rules/places@0.1.0": crate::bindings::allocation::onhand::rules::places,
        },
    });
}

pub use wit_bindgen::rt;
