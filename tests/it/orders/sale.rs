//! `onhand sale` says what became of each order.

use onhand_harness::World;
use tokio::process::Command;

use super::{ready, world};

async fn sale(world: &World, more: &[&str]) -> (bool, String) {
    let mut command = Command::new(world.binary());
    command.arg("sale");
    for edge in world.edges() {
        command.args(["--edge", &edge.url()]);
    }
    command.args(["--origin", &world.origin(0).url()]);
    command.env("ONHAND_TOKEN_OPERATOR", &world.tokens.operator);
    command.env("ONHAND_TOKEN_STOREFRONT", &world.tokens.storefront);
    let output = command.args(more).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_is_judged_order_by_order() {
    let world = world().edges(2).origins(2).ready().await;
    world.location("a", 0).await;
    for (sku, units) in [("hot", 40), ("s1", 1000), ("s2", 5)] {
        world.stock(sku, "a", units).await;
    }
    ready(&world).await;
    let page = tempfile::tempdir().unwrap();
    let file = page.path().join("sale.html");
    let skus = ["--sku", "hot", "--sku", "s1", "--sku", "s2", "--buyers", "600", "--over", "3s"];
    let (holds, said) = sale(&world, &[&skus[..], &["--html", file.to_str().unwrap()]].concat()).await;
    println!("{said}");
    assert!(holds && said.contains("VERDICT: holds") && said.contains("600 orders accepted"), "{said}");
    assert!(std::fs::read_to_string(&file).unwrap().contains("<polyline"));
    // An order that is gone is told.
    world.sql("DELETE FROM orders WHERE id = (SELECT id FROM orders WHERE sku = 's1' LIMIT 1)").await;
    let trick = "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.sku = 's1' AND NEW.at_offset % 7 = 0 THEN RETURN NULL; END IF; RETURN NEW; END $$";
    world.sql(trick).await;
    world.sql("CREATE TRIGGER lose BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION lose()").await;
    let few = ["--sku", "hot", "--sku", "s1", "--buyers", "200", "--over", "1s", "--patience", "5s"];
    let (holds, said) = sale(&world, &few).await;
    assert!(!holds && said.contains("was accepted and is nowhere"), "{said}");
}
