//! The console as a browser without a script sees it.

mod apart;
mod browser;

use std::collections::BTreeSet;

use browser::Browser;
use onhand_harness::eventually;
use reqwest::StatusCode;
use serde_json::json;

use crate::dev::Dev;

const PASSWORD: &str = "correct horse battery";

fn path_of<'a>(link: &'a str, base: &str) -> &'a str {
    link.strip_prefix(base).unwrap_or_else(|| panic!("{link} does not lead to {base}"))
}

async fn register(base: &str, link: &str, name: &str) -> Browser {
    let mut browser = Browser::new(base);
    let form = browser.get(link).await.form("/register");
    let shown = browser.send(&form, &[("name", name), ("password", PASSWORD)]).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.html);
    shown.says(name);
    browser
}

/// The first admin of `onhand dev`.
async fn admin(dev: &Dev) -> Browser {
    register(&dev.console, path_of(&dev.invitation, &dev.console), "ann").await
}

async fn sign_in(base: &str, name: &str, password: &str) -> (Browser, browser::Shown) {
    let mut browser = Browser::new(base);
    let form = browser.get("/sign-in").await.form("/sign-in");
    let shown = browser.send(&form, &[("name", name), ("password", password)]).await;
    (browser, shown)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_sign_in_and_see_what_their_role_may() {
    let dev = Dev::start(&[]).await;
    let edge = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let leads = edge.get(&dev.edge).send().await.unwrap();
    assert_eq!((leads.status(), leads.headers()["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, &*dev.console));
    let mut ann = admin(&dev).await;
    ann.get("/users").await.says("ann (you)");
    let used = Browser::new(&dev.console).get(path_of(&dev.invitation, &dev.console)).await.form("/register");
    let refused = Browser::new(&dev.console).send(&used, &[("name", "eve"), ("password", PASSWORD)]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    refused.says("used, expired or unknown");

    let mut bob = register(&dev.console, "/register", "bob").await;
    let forbidden = bob.get("/lanes").await;
    assert_eq!(forbidden.status, StatusCode::FORBIDDEN);
    forbidden.says("Your role does not allow this").says("role shopper");
    let stranger = Browser::new(&dev.console).get("/lanes").await;
    assert_eq!((stranger.status, stranger.path.as_str()), (StatusCode::OK, "/sign-in?next=%2Flanes"));

    let (_, wrong) = sign_in(&dev.console, "ann", "incorrect horse battery").await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    wrong.says("The name or the password is wrong.");
    let (_, nobody) = sign_in(&dev.console, "nobody", PASSWORD).await;
    nobody.says("The name or the password is wrong.");
    let (mut again, right) = sign_in(&dev.console, "ann", PASSWORD).await;
    assert_eq!(right.status, StatusCode::OK);
    for _ in 0..10 {
        sign_in(&dev.console, "bob", "incorrect horse battery").await.1.says("You are not signed in.");
    }
    let (_, many) = sign_in(&dev.console, "bob", PASSWORD).await;
    assert_eq!(many.status, StatusCode::TOO_MANY_REQUESTS, "even the right one, for a while");
    many.says(" min, or sign in from elsewhere");

    // A section that is asked again after the session's end takes the whole page to the sign-in.
    let asked = edge.get(format!("{}/now", dev.console)).header("hx-request", "true").send().await.unwrap();
    assert_eq!(
        (asked.status(), &asked.headers()["hx-redirect"]),
        (StatusCode::OK, &"/sign-in?next=%2Fnow".parse().unwrap())
    );

    // Signed out everywhere: the other browser's session is over within five seconds.
    let users = ann.get("/users").await;
    let out = users
        .forms()
        .into_iter()
        .find(|form| form.action == "/users/ann" && form.fields.get("what").is_some_and(|what| what == "sign-out"));
    ann.send(&out.expect("the button is there"), &[]).await;
    eventually!(again.get("/users").await.path.starts_with("/sign-in"));
    let origin = onhand_harness::Client::at(&dev.origin, dev.tokens["admin"].as_str());
    let trail = origin.get("/internal/api/audit?actor=ann").await.expect(200).text();
    assert!(trail.contains("user_signed_out") && trail.contains("user_registered"), "{trail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_from_another_site_is_refused() {
    let dev = Dev::start(&[]).await;
    let mut ann = admin(&dev).await;
    assert!(ann.cookie().starts_with("onhand="));
    let form = ann.get("/lanes").await.form("/lanes");
    let mut pairs: Vec<_> = form.fields.clone().into_iter().collect();
    pairs.push(("reason".to_owned(), "mischief".to_owned()));
    pairs.retain(|(name, value)| name != "reason" || !value.is_empty());
    for site in [Some("cross-site"), Some("same-site"), Some("none"), None] {
        let refused = ann.post("/lanes", &pairs, site).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{site:?}");
    }
    ann.get("/lanes").await.says("class=\"mark good\">on<");
    let allowed = ann.post("/lanes", &pairs, Some("same-origin")).await;
    allowed.says("The lane is paused").says("class=\"mark late\">paused<");
    let trail = ann.get("/trail?kind=lane_paused").await;
    trail.says("mischief").says(">ann<");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_small_carries_no_script_of_its_own_and_every_link_answers() {
    let dev = Dev::start(&[]).await;
    let mut ann = admin(&dev).await;
    let (mut seen, mut left) =
        (BTreeSet::new(), vec!["/".to_owned(), "/explain?sku=22423".to_owned(), "/nowhere".to_owned()]);
    while let Some(path) = left.pop() {
        // Of addresses that differ only in what they ask, a few are enough.
        let alike = seen.iter().filter(|known: &&String| known.split('?').next() == path.split('?').next()).count();
        if alike > 2 || !seen.insert(path.clone()) {
            continue;
        }
        let shown = ann.get(&path).await;
        let expected = if path == "/nowhere" { StatusCode::NOT_FOUND } else { StatusCode::OK };
        assert_eq!(shown.status, expected, "{path}: {}", shown.html);
        assert!(shown.html.len() < 100_000, "{path} has {} bytes", shown.html.len());
        let policy = shown.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(shown.headers["x-content-type-options"], "nosniff", "{path}");
        assert!(shown.headers.contains_key("referrer-policy"), "{path}");
        if !shown.headers["content-type"].to_str().unwrap().starts_with("text/html") {
            continue;
        }
        for inline in ["<style", "style=", "<script>", "javascript:", " onclick", " onload", "hx-on"] {
            assert!(!shown.html.contains(inline), "{path} has {inline}");
        }
        for link in shown.links().into_iter().filter(|link| !link.starts_with('#')) {
            assert!(link.starts_with('/') && !link.starts_with("//"), "{path} leads to another host: {link}");
            left.push(link);
        }
    }
    let pages = ["/shop", "/items", "/low-stock", "/places", "/import", "/now", "/explain", "/lanes", "/dead-letters"];
    for page in pages.iter().chain(&["/rules", "/health", "/trail", "/users"]) {
        assert!(seen.contains(*page), "no link leads to {page}: {seen:?}");
    }
    assert!(
        seen.iter().any(|path| path.starts_with("/items/")) && seen.iter().any(|path| path.starts_with("/shop/items/"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_that_was_changed_meanwhile_shows_both_values() {
    let dev = Dev::start(&[]).await;
    let mut ann = admin(&dev).await;
    let form = ann.get("/items/22423").await.form("/items/22423/stock");
    assert_eq!((form.fields["location"].as_str(), form.fields["seen"].as_str()), ("eu-1", "55"));
    let other = onhand_harness::Client::at(&dev.origin, dev.tokens["admin"].as_str());
    let faster = json!({"location": "eu-1", "quantity": 41, "reason": "counted by the warehouse"});
    other.put("/inventory/products/22423/stock", faster).await.expect(200);
    let conflict = ann.send(&form, &[("quantity", "60"), ("reason", "counted")]).await;
    assert_eq!(conflict.status, StatusCode::CONFLICT);
    conflict.says("The count was changed meanwhile").says(">55<").says(">41<").says(">60<");
    // The page's form goes by what is there now.
    let set = ann.send(&conflict.form("/items/22423/stock"), &[("quantity", "60"), ("reason", "counted")]).await;
    set.says("The count is set.").says("41 → 60").says("counted by the warehouse").says(">ann<");
    let again = ann.send(&conflict.form("/items/22423/stock"), &[("quantity", "many"), ("reason", "counted")]).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    again.says("quantity: a whole number");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_is_added_stocked_found_held_and_ordered() {
    let dev = Dev::start(&[]).await;
    let mut ann = admin(&dev).await;
    let form = ann.get("/items").await.form("/items");
    let added = ann.send(&form, &[("sku", "cup 7"), ("name", "Tea cup"), ("price", "450"), ("currency", "GBP")]).await;
    added.says("The item is there.").says("4.50 GBP");
    let adjust = added.form("/items/cup%207/adjust");
    let stocked = [("location", "eu-1"), ("delta", "3"), ("kind", "received"), ("reason", "delivery")];
    ann.send(&adjust, &stocked).await.says("The stock is adjusted.").says("0 → 3");

    let mut bob = register(&dev.console, "/register", "bob").await;
    bob.get("/shop?q=tea").await.says("/shop/items/cup%207");
    eventually!(bob.get("/shop/items/cup%207").await.html.contains("in stock"));
    let item = bob.get("/shop/items/cup%207").await;
    item.says("data-live=\"/shop/items/cup%207/live\"").says("As of ");
    let held = bob.send(&item.form("/shop/items/cup%207/hold"), &[("quantity", "2")]).await;
    held.says("data-until=").says("2 from eu-1");
    let much = bob.send(&item.form("/shop/items/cup%207/hold"), &[("quantity", "9"), ("key", "another")]).await;
    assert_eq!(much.status, StatusCode::BAD_REQUEST);
    much.says("Nothing is held");
    let forms = held.forms();
    let confirm = forms.iter().find(|form| form.fields.get("what").is_some_and(|what| what == "confirm")).unwrap();
    bob.send(confirm, &[]).await.says("The hold is confirmed.");
    let ordered = bob.send(&item.form("/shop/items/cup%207/order"), &[("quantity", "1")]).await;
    eventually!(bob.get(&ordered.path).await.html.contains("confirmed"));
    ann.get("/items/cup%207").await.says(">bob<").says("delivery");
}

/// By its address alone nobody gets at what another person holds or has ordered, an admin of the console neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_holds_is_that_persons_alone() {
    let dev = Dev::start(&[]).await;
    let mut ann = admin(&dev).await;
    let mut bob = register(&dev.console, "/register", "bob").await;
    let mut cyd = register(&dev.console, "/register", "cyd").await;
    let item = bob.get("/shop/items/22423").await;
    let held = bob.send(&item.form("/shop/items/22423/hold"), &[("quantity", "2")]).await;
    held.says("2 from ");
    let ordered = bob.send(&item.form("/shop/items/22423/order"), &[("quantity", "1")]).await;
    eventually!(bob.get(&ordered.path).await.html.contains("confirmed"));
    for stranger in [&mut cyd, &mut ann] {
        for path in [&held.path, &ordered.path] {
            let shown = stranger.get(path).await;
            assert_eq!(shown.status, StatusCode::NOT_FOUND, "{}", shown.html);
            shown.says("It cannot be shown.").says("not_found");
        }
        for form in held.forms().into_iter().filter(|form| form.action == held.path) {
            let refused = stranger.send(&form, &[("key", "of-a-stranger")]).await;
            assert_eq!(refused.status, StatusCode::NOT_FOUND, "{:?}: {}", form.fields, refused.html);
            refused.says("Nothing is changed");
        }
    }
    let still = bob.get(&held.path).await;
    still.says("data-until=").says(">held<");
    let forms = held.forms();
    let cancel = forms.iter().find(|form| form.fields.get("what").is_some_and(|what| what == "cancel")).unwrap();
    bob.send(cancel, &[]).await.says(">cancelled<");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_tried_and_its_wrong_rows_are_named() {
    let dev = Dev::start(&[]).await;
    let mut ann = admin(&dev).await;
    ann.get("/import").await.says("enctype=\"multipart/form-data\"");
    let run = async |trial: &str| {
        let part = |name: &str, text: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
        };
        let file = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"stock.csv\"\r\n\r\n\
                    sku,location,quantity\n22423,eu-1,7\nnone,eu-1,1\n22720,mars,1\n\r\n";
        let body = [
            part("mode", "set"),
            part("on_error", "skip"),
            part("trial", trial),
            file.to_owned(),
            "--b--\r\n".to_owned(),
        ];
        let call = reqwest::Client::new().post(format!("{}/import/run", dev.console)).header("cookie", ann.cookie());
        let call =
            call.header("sec-fetch-site", "same-origin").header("content-type", "multipart/form-data; boundary=b");
        call.body(body.concat()).send().await.unwrap().text().await.unwrap()
    };
    let tried = run("yes").await;
    for part in ["What stock.csv would do", "unknown_sku", "unknown_location", "55 → 7"] {
        assert!(tried.contains(part), "{part}: {tried}");
    }
    let done = run("").await;
    assert!(done.contains("What stock.csv did") && done.contains("unknown_sku"), "{done}");
    ann.get("/items/22423").await.says("55 → 7");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_tells_of_each_change_and_ends_with_its_process() {
    let dev = Dev::start(&[]).await;
    let ann = admin(&dev).await;
    let live = format!("{}/shop/items/22423/live", dev.console);
    let stranger = reqwest::get(&live).await.unwrap();
    assert!(stranger.url().path().starts_with("/sign-in"), "{}", stranger.url());
    let unknown = format!("{}/shop/items/nothing/live", dev.console);
    let ended = reqwest::Client::new().get(&unknown).header("cookie", ann.cookie()).send().await.unwrap();
    let said = ended.text().await.unwrap();
    assert!(said.starts_with("event: over\n") && said.contains("unknown_sku"), "{said}");
    let mut stream = reqwest::Client::new().get(&live).header("cookie", ann.cookie()).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut said = String::new();
    let mut until = async |text: &str| {
        while !said.contains(text) {
            let piece = stream.chunk().await.unwrap().unwrap_or_else(|| panic!("no {text:?}: {said}"));
            said.push_str(&String::from_utf8_lossy(&piece));
        }
    };
    until("<span class=\"number\">55</span>").await;
    until("data: As of ").await;
    let origin = onhand_harness::Client::at(&dev.origin, dev.tokens["admin"].as_str());
    let counted = json!({"location": "eu-1", "quantity": 33, "reason": "counted"});
    origin.put("/inventory/products/22423/stock", counted).await.expect(200);
    until("<span class=\"number\">33</span>").await;
    // Eight for one person, and no more; others have theirs.
    let again = async |browser: &Browser| {
        reqwest::Client::new().get(&live).header("cookie", browser.cookie()).send().await.unwrap()
    };
    let mut others = Vec::new();
    for _ in 1..8 {
        others.push(again(&ann).await);
    }
    assert!(others.iter().all(|other| other.status() == StatusCode::OK));
    assert_eq!(again(&ann).await.status(), StatusCode::TOO_MANY_REQUESTS);
    let bob = register(&dev.console, "/register", "bob").await;
    assert_eq!(again(&bob).await.status(), StatusCode::OK);
    drop(others.pop());
    eventually!(again(&ann).await.status() == StatusCode::OK);
    // With streams open, too.
    dev.end().await;
    while let Ok(Some(_)) = stream.chunk().await {}
}
