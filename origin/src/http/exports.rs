//! All stock, or the ledger, as a file: streamed from one snapshot, however long it is.

mod text;

use axum::{
    body::Body,
    extract::{Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use onhand_http::query::Params;
use onhand_wire::{ChannelId, Code, LocationId, Problem, Sku, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use self::text::{LEDGER_COLUMNS, STOCK_COLUMNS, ledger_line, stock_line};
use super::{Context, Reply, Shared, fail::Fail};
use crate::{
    decide::Rejection,
    store::{
        Result as StoreResult,
        exports::{LedgerFilter, StockFilter},
    },
};

/// Exports under way at once: each has a snapshot of the database.
pub(crate) const AT_ONCE: usize = 2;
/// Pieces that wait for whoever reads.
const AHEAD: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Ndjson,
}

impl Format {
    fn take(params: &mut Params) -> Result<Self, Problem> {
        params.word("format", &[("csv", Self::Csv), ("ndjson", Self::Ndjson)], Self::Csv)
    }

    fn media(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

pub(super) async fn stock(State(context): Shared, request: Request) -> Reply {
    let mut params = Params::of(request.uri().query())?;
    let format = Format::take(&mut params)?;
    let asked = params.take("location")?.map(|text| location(&text)).transpose()?;
    let channel = params.take("channel")?.map(|text| ChannelId::new(&text)).transpose();
    let channel = channel.map_err(|error| Problem::field("channel", error))?;
    let changed_since = moment(&mut params, "changed_since")?;
    params.end()?;
    let locations = locations(&context, asked, channel).await?;
    let place = place(&context)?;
    let filter = StockFilter { locations, changed_since };
    let (pieces, read) = mpsc::channel(AHEAD);
    let store = context.store.clone();
    tokio::spawn(async move {
        if let Err(error) = store.export_stock(&filter, &pieces).await {
            let _gone = pieces.send(Err(error)).await;
        }
    });
    let csv = format == Format::Csv;
    answer(format, STOCK_COLUMNS, read, place, move |line, into| stock_line(line, csv, into)).await
}

pub(super) async fn ledger(State(context): Shared, request: Request) -> Reply {
    let mut params = Params::of(request.uri().query())?;
    let format = Format::take(&mut params)?;
    let sku = params.take("sku")?.map(|text| Sku::new(&text)).transpose();
    let sku = sku.map_err(|error| Problem::field("sku", error))?;
    let asked = params.take("location")?.map(|text| location(&text)).transpose()?;
    let (from, to) = (moment(&mut params, "from")?, moment(&mut params, "to")?);
    params.end()?;
    let place = place(&context)?;
    let filter = LedgerFilter { sku, location: asked, from, to };
    let (pieces, read) = mpsc::channel(AHEAD);
    let store = context.store.clone();
    tokio::spawn(async move {
        if let Err(error) = store.export_ledger(&filter, &pieces).await {
            let _gone = pieces.send(Err(error)).await;
        }
    });
    let csv = format == Format::Csv;
    answer(format, LEDGER_COLUMNS, read, place, move |line, into| ledger_line(line, csv, into)).await
}

/// The first piece is waited for: what goes wrong before it is a problem, what goes wrong later breaks the body off.
async fn answer<T: Send + 'static>(
    format: Format,
    columns: &'static str,
    mut pieces: mpsc::Receiver<StoreResult<Vec<T>>>,
    place: OwnedSemaphorePermit,
    write: impl Fn(&T, &mut String) + Send + 'static,
) -> Result<Response, Fail> {
    let first = pieces.recv().await.transpose()?;
    let head = if format == Format::Csv { columns } else { "" };
    let mut text = head.to_owned();
    first.iter().flatten().for_each(|line| write(line, &mut text));
    let rest = stream::unfold((pieces, place, write), |(mut pieces, place, write)| async move {
        let piece = pieces.recv().await?;
        let text = piece.map(|lines| {
            let mut text = String::with_capacity(lines.len() * 128);
            lines.iter().for_each(|line| write(line, &mut text));
            Bytes::from(text)
        });
        Some((text, (pieces, place, write)))
    });
    let body = stream::once(async { Ok(Bytes::from(text)) }).chain(rest);
    Ok(([(header::CONTENT_TYPE, format.media())], Body::from_stream(body)).into_response())
}

fn place(context: &Context) -> Result<OwnedSemaphorePermit, Problem> {
    context.exporting.clone().try_acquire_owned().map_err(|_| {
        let detail = format!("{AT_ONCE} exports are under way here, as many as may be; try again when one has ended");
        Problem::new(Code::Overloaded, detail).with("limit", AT_ONCE)
    })
}

fn location(text: &str) -> Result<LocationId, Problem> {
    LocationId::new(text).map_err(|error| Problem::field("location", error))
}

pub(super) fn moment(params: &mut Params, name: &str) -> Result<Option<Timestamp>, Problem> {
    let right = || Problem::field(name, "a time in RFC 3339, like 2026-01-31T09:30:00Z");
    params.take(name)?.map(|text| Timestamp::parse(&text).ok_or_else(right)).transpose()
}

/// Those that are asked for; a channel's are its list.
async fn locations(
    context: &Context,
    asked: Option<LocationId>,
    channel: Option<ChannelId>,
) -> Result<Option<Vec<LocationId>>, Fail> {
    if asked.is_none() && channel.is_none() {
        return Ok(None);
    }
    let topology = context.store.load_topology().await?;
    let mut wanted = None;
    if let Some(id) = channel {
        let found = topology.channels.into_iter().find(|row| row.channel == id && !row.deleted);
        wanted = Some(found.ok_or_else(|| Problem::from(Rejection::UnknownChannel(id)))?.locations);
    }
    if let Some(id) = asked {
        if !topology.locations.iter().any(|row| row.location == id && !row.deleted) {
            return Err(Problem::from(Rejection::UnknownLocation(id)).into());
        }
        let of_channel = wanted.is_none_or(|locations| locations.contains(&id));
        wanted = Some(if of_channel { vec![id] } else { Vec::new() });
    }
    Ok(wanted)
}
