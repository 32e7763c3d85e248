//! Locations and channels.

use axum::{Form, extract::Query, http::StatusCode, response::Response};
use onhand_client::Role;
use onhand_wire::{
    Channel, ChannelId, Location, LocationId,
    request::{PutChannel, PutLocation},
};

use super::{back, done, why};
use crate::{
    caller::Caller,
    fields::{Fields, Read},
    page::{Cell, Field, Form as PageForm, Page, Section, Table, Tone},
};

type Pairs = Vec<(String, String)>;
const PATH: &str = "/places";
const SHOWN: usize = 500;

fn location(location: &Location) -> Vec<Cell> {
    let on = if location.enabled { Cell::mark(Tone::Good, "enabled") } else { Cell::mark(Tone::Plain, "disabled") };
    vec![
        Cell::code(location.location.as_str()),
        Cell::text(&location.name),
        Cell::text(location.region.clone().unwrap_or_default()),
        Cell::number(location.priority),
        on,
        Cell::text(if location.pickup { "yes" } else { "no" }),
    ]
}

fn channel(channel: &Channel) -> Vec<Cell> {
    let locations: Vec<&str> = channel.locations.iter().map(LocationId::as_str).collect();
    vec![Cell::code(channel.channel.as_str()), Cell::text(locations.join(", ")), Cell::text(&channel.allocation)]
}

async fn locations(caller: &Caller) -> Section {
    let section = Section::new("locations", "Locations").command("curl ORIGIN/inventory/locations");
    let section = match caller.origin().locations().limit(SHOWN).await {
        Err(error) => section.failed("The locations cannot be shown.", why(&error)),
        Ok(page) => {
            let head = ["Id", "Name", "Region", "Priority", "State", "Pickup"];
            section.table(
                Table::new("By id; the lowest priority serves first", &head)
                    .rows(page.value.items.iter().map(location)),
            )
        }
    };
    if !caller.may(Role::Admin) {
        return section;
    }
    let form = PageForm::post(format!("{PATH}/locations"), "Save the location")
        .field(Field::text("id", "Id").required())
        .field(Field::text("name", "Name").required())
        .field(Field::text("region", "Region"))
        .field(Field::number("priority", "Priority").value("0").required())
        .field(Field::check("enabled", "Enabled").value("yes"))
        .field(Field::check("pickup", "Pickup"));
    section.note("One of this id that is there already is replaced.").form(form)
}

async fn channels(caller: &Caller) -> Section {
    let section = Section::new("channels", "Channels").command("curl ORIGIN/inventory/channels");
    let section = match caller.origin().channels().limit(SHOWN).await {
        Err(error) => section.failed("The channels cannot be shown.", why(&error)),
        Ok(page) => {
            let head = ["Id", "Locations", "Allocation"];
            section.table(Table::new("By id", &head).rows(page.value.items.iter().map(channel)))
        }
    };
    if !caller.may(Role::Admin) {
        return section;
    }
    let allocation = Field::text("allocation", "Allocation").value("priority").required();
    let form = PageForm::post(format!("{PATH}/channels"), "Save the channel")
        .field(Field::text("id", "Id").required())
        .field(Field::text("locations", "Locations").required().hint("with commas, in order"))
        .field(allocation.hint("priority, most_stock, fewest_splits, nearest, or a rule"));
    section.note("One of this id that is there already is replaced.").form(form)
}

async fn whole(caller: &Caller, query: &Fields, first: Option<Section>) -> Page {
    let (locations, channels) = tokio::join!(locations(caller), channels(caller));
    let page = Page::new(PATH, "Places").done(done(query.text("done")));
    first.into_iter().fold(page, Page::with).with(locations).with(channels)
}

pub(crate) async fn page(caller: Caller, Query(query): Query<Pairs>) -> Response {
    whole(&caller, &Fields::from(query), None).await.show(Some(&caller.person))
}

async fn answered(caller: &Caller, word: &str, saved: Read<()>) -> Response {
    match saved {
        Ok(()) => back(PATH, word),
        Err(fault) => {
            let refused = Section::new("refused", "Nothing is saved").failed("", fault);
            let page = whole(caller, &Fields::default(), Some(refused)).await;
            page.status(StatusCode::BAD_REQUEST).show(Some(&caller.person))
        }
    }
}

pub(crate) async fn put_location(caller: Caller, Form(form): Form<Pairs>) -> Response {
    let form = Fields::from(form);
    let saved = async {
        let priority = i32::try_from(form.whole("priority")?).map_err(|_| "priority: it is too far from 0")?;
        let (enabled, pickup) = (form.ticked("enabled"), form.ticked("pickup"));
        let put = PutLocation {
            region: form.given("region"),
            priority,
            enabled,
            pickup,
            ..PutLocation::named(form.required("name")?)
        };
        let call = caller.origin().put_location(&form.location("id")?, &put);
        call.key(form.key()).await.map(drop).map_err(|error| why(&error))
    };
    let saved = saved.await;
    answered(&caller, "location", saved).await
}

pub(crate) async fn put_channel(caller: Caller, Form(form): Form<Pairs>) -> Response {
    let form = Fields::from(form);
    let saved = async {
        let id = ChannelId::new(form.text("id")).map_err(|error| format!("id: {error}"))?;
        let named = form.text("locations").split(',').map(str::trim).map(LocationId::new);
        let locations = named.collect::<Result<_, _>>().map_err(|error| format!("locations: {error}"))?;
        let put = PutChannel { locations, allocation: form.required("allocation")? };
        let call = caller.origin().put_channel(&id, &put);
        call.key(form.key()).await.map(drop).map_err(|error| why(&error))
    };
    let saved = saved.await;
    answered(&caller, "channel", saved).await
}
