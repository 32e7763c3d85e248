//! The router: every page and who may see it, and what every answer carries.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    handler::Handler,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use onhand_client::Role;
use onhand_http::{
    body::{Pace, Paced},
    setting::HttpConfig,
};

use crate::{
    asking, assets,
    caller::{Shared, admitted, known},
    page, pages,
};

/// A form's fields; an import's file has a limit of its own.
const FORM_BYTES: usize = 64 << 10;

/// No page has a script or a style of its own, none is shown inside another site's, and none calls another host.
const EVERYWHERE: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

type Pages = Vec<(&'static str, Role, MethodRouter<Shared>)>;

fn look<H: Handler<T, Shared>, T: 'static>(handler: H) -> MethodRouter<Shared> {
    get(handler)
}

/// A page, and what its form of the same address does.
fn both<H, T, G, U>(look: H, change: G) -> MethodRouter<Shared>
where
    H: Handler<T, Shared>,
    T: 'static,
    G: Handler<U, Shared>,
    U: 'static,
{
    get(look).post(change)
}

/// Each page, and the least role that may see it.
fn pages() -> Pages {
    use Role::{Admin, Operator, Shopper};
    use pages::{
        dead_letters, explain, health, import, item, items, lanes, low_stock, now, places, rules, shop, trail, users,
    };
    vec![
        ("/", Shopper, look(pages::home)),
        ("/shop", Shopper, look(shop::search)),
        ("/shop/items/{sku}", Shopper, look(shop::item::page)),
        ("/shop/items/{sku}/live", Shopper, look(shop::live::stream)),
        ("/shop/items/{sku}/hold", Shopper, post(shop::item::hold)),
        ("/shop/items/{sku}/order", Shopper, post(shop::item::order)),
        ("/shop/holds/{id}", Shopper, both(shop::hold::page, shop::hold::verb)),
        ("/shop/orders/{id}", Shopper, look(shop::order::page)),
        ("/items", Operator, both(items::page, items::add)),
        ("/items/{sku}", Operator, look(item::page)),
        ("/items/{sku}/stock", Admin, post(item::change::set)),
        ("/items/{sku}/adjust", Operator, post(item::change::adjust)),
        ("/items/{sku}/transfer", Operator, post(item::change::transfer)),
        ("/items/{sku}/policy", Operator, post(item::change::policy)),
        ("/items/{sku}/delete", Admin, post(item::change::delete)),
        ("/low-stock", Operator, look(low_stock::page)),
        ("/places", Operator, look(places::page)),
        ("/places/locations", Admin, post(places::put_location)),
        ("/places/channels", Admin, post(places::put_channel)),
        ("/import", Operator, look(import::page)),
        ("/import/run", Operator, post(import::run).layer(DefaultBodyLimit::max(import::FILE_BYTES))),
        ("/now", Operator, look(now::page)),
        ("/explain", Operator, look(explain::page)),
        ("/lanes", Operator, both(lanes::page, lanes::switch)),
        ("/dead-letters", Operator, look(dead_letters::page)),
        ("/dead-letters/replay", Operator, post(dead_letters::replay)),
        ("/dead-letters/discard", Operator, post(dead_letters::discard)),
        ("/rules", Operator, look(rules::page)),
        ("/rules/{rule}", Operator, look(rules::releases)),
        ("/rules/{rule}/roll-back", Admin, post(rules::roll_back)),
        ("/health", Operator, look(health::page)),
        ("/trail", Operator, look(trail::page)),
        ("/users", Admin, both(users::page, users::invite)),
        ("/users/{name}", Admin, post(users::change)),
    ]
}

pub(crate) fn router(shared: Shared, limits: Arc<HttpConfig>) -> Router {
    let signed_in = pages().into_iter().fold(Router::new(), |router, (path, least, page)| {
        router.route(path, page.layer(middleware::from_fn_with_state(least, admitted)))
    });
    let open = Router::new()
        .route("/sign-in", both(pages::sign_in::page, pages::sign_in::enter))
        .route("/register", both(pages::register::page, pages::register::enter))
        .route("/sign-out", post(pages::sign_in::leave));
    signed_in
        .merge(open)
        .layer(middleware::from_fn_with_state(shared.clone(), known))
        .fallback(async || page::nothing_here())
        .route("/assets/{file}", get(assets::file))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(middleware::from_fn_with_state(limits, paced))
        .layer(middleware::from_fn(guarded))
        .with_state(shared)
}

/// A body must arrive in time; the file of an import may take any time, but must not pause.
async fn paced(State(limits): State<Arc<HttpConfig>>, request: Request, next: Next) -> Response {
    let long = request.uri().path() == "/import/run";
    let pace = if long { Pace::Steady(limits.idle_timeout.0) } else { Pace::Whole(limits.header_timeout.0) };
    next.run(request.map(|body| Body::new(Paced::new(body, pace)))).await
}

/// Refuses forged calls, and gives every answer its headers.
async fn guarded(request: Request, next: Next) -> Response {
    let mut response = if asking::is_forged(request.method(), request.headers()) {
        let why =
            "this call does not come from a page of the console (Sec-Fetch-Site, Origin); open the page and try again";
        (StatusCode::FORBIDDEN, why).into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    for (name, value) in EVERYWHERE {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A page shows what one person may see, now.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}
