//! Demo data, loaded as anyone would load it: through the origin's API.

use std::{error::Error, net::SocketAddr};

use onhand_client::{Client, Import};
use onhand_wire::{
    ChannelId, LocationId,
    request::{PutChannel, PutLocation},
};

const STOCK: &str = include_str!("demo.csv");

/// Does nothing if there is data already.
pub(super) async fn load(api: SocketAddr, admin: &str) -> Result<(), Box<dyn Error>> {
    let origin = Client::builder().url(&format!("http://{api}")).token(admin).build()?;
    if origin.location(&LocationId::new("eu-1")?).await.is_ok() {
        return Ok(());
    }
    let locations = [
        ("eu-1", "Rotterdam", "eu", 1, (51.92, 4.48)),
        ("eu-2", "Lyon", "eu", 2, (45.76, 4.84)),
        ("us-1", "Newark", "us", 3, (40.74, -74.17)),
    ];
    for (id, name, region, priority, (lat, lon)) in locations {
        let (region, lat, lon) = (Some(region.to_owned()), Some(lat), Some(lon));
        let location = PutLocation { region, priority, lat, lon, ..PutLocation::named(name) };
        origin.put_location(&LocationId::new(id)?, &location).await?;
    }
    let channels = [("web-eu", vec!["eu-1", "eu-2"], "fewest_splits"), ("web-us", vec!["us-1"], "priority")];
    for (id, locations, allocation) in channels {
        let locations = locations.into_iter().map(LocationId::new).collect::<Result<_, _>>()?;
        let channel = PutChannel { locations, allocation: allocation.to_owned() };
        origin.put_channel(&ChannelId::new(id)?, &channel).await?;
    }
    let report = origin.import(Import { create: true, ..Import::default() }, STOCK).await?.value;
    if report.rejected == 0 { Ok(()) } else { Err(format!("{report:?}").into()) }
}
