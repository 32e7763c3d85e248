//! Orders: from a CSV of order lines, grouped by invoice, in the file's order.

use std::{
    collections::HashMap,
    env,
    path::{Path, PathBuf},
};

use onhand_wire::Sku;

use super::{Error, generate};

/// What somebody orders or returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub invoice: String,
    pub customer: String,
    /// The lines are cancelled or returned.
    pub cancellation: bool,
    /// Whole units, 1 or more.
    pub lines: Vec<(Sku, u32)>,
}

/// The orders and their figures.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub list: Vec<Order>,
    pub names: HashMap<Sku, String>,
    /// Lines that are neither a sale nor a cancellation (a write-off in the books, an invalid SKU).
    pub left_out: usize,
}

impl Orders {
    pub(super) fn lines(&self) -> usize {
        self.list.iter().map(|order| order.lines.len()).sum()
    }

    /// Units wanted, by SKU.
    pub(super) fn demand(&self) -> HashMap<Sku, u64> {
        let mut demand = HashMap::new();
        for (sku, quantity) in self.list.iter().filter(|order| !order.cancellation).flat_map(|order| &order.lines) {
            *demand.entry(sku.clone()).or_default() += u64::from(*quantity);
        }
        demand
    }
}

/// The SKUs of all lines that order something, each as often as it is ordered.
pub(crate) fn ordered_skus(path: &Path) -> Result<impl Iterator<Item = Sku> + use<>, Error> {
    let orders = read(path, usize::MAX)?;
    let sales = orders.list.into_iter().filter(|order| !order.cancellation);
    Ok(sales.flat_map(|order| order.lines).map(|(sku, _)| sku))
}

/// Where the orders come from; the report says which.
#[derive(Debug)]
pub(super) enum Source {
    File(PathBuf),
    /// With the reason.
    Generated(String),
}

const FILE_NAME: &str = "online-retail-40k.csv";

impl Source {
    /// A file that was named must exist; `ONHAND_DATA` (a file or its directory) may be absent.
    pub(super) fn find(named: Option<&Path>) -> Result<Self, Error> {
        if let Some(path) = named {
            return Ok(Self::File(path.to_owned()));
        }
        let Some(data) = env::var_os("ONHAND_DATA").map(PathBuf::from) else {
            return Ok(Self::Generated("no FILE given and ONHAND_DATA not set".to_owned()));
        };
        let path = if data.is_dir() { data.join(FILE_NAME) } else { data };
        if path.is_file() {
            return Ok(Self::File(path));
        }
        Ok(Self::Generated(format!("ONHAND_DATA names {}, which is not there", path.display())))
    }

    pub(super) fn orders(&self, limit: Option<usize>) -> Result<Orders, Error> {
        let limit = limit.unwrap_or(usize::MAX);
        match self {
            Self::File(path) => read(path, limit),
            Self::Generated(_) => Ok(generate::orders(limit)),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "real: {}", path.file_name().unwrap_or_default().display()),
            Self::Generated(why) => write!(f, "generated, Zipf ({why})"),
        }
    }
}

struct Columns {
    invoice: usize,
    sku: usize,
    name: usize,
    quantity: usize,
    customer: usize,
}

fn read(path: &Path, limit: usize) -> Result<Orders, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let mut reader = csv::Reader::from_path(path).map_err(unreadable)?;
    let columns = columns(path, reader.headers().map_err(unreadable)?)?;
    let mut orders = Orders::default();
    let mut open: HashMap<String, usize> = HashMap::new();
    for record in reader.records().take(limit) {
        add(&mut orders, &mut open, &columns, &record.map_err(unreadable)?);
    }
    if orders.list.is_empty() {
        return Err(Error::Empty { path: path.to_owned() });
    }
    Ok(orders)
}

fn columns(path: &Path, header: &csv::StringRecord) -> Result<Columns, Error> {
    let find = |column: &'static str| {
        let index = header.iter().position(|name| name == column);
        index.ok_or_else(|| Error::Column { path: path.to_owned(), column })
    };
    Ok(Columns {
        invoice: find("InvoiceNo")?,
        sku: find("StockCode")?,
        name: find("Description")?,
        quantity: find("Quantity")?,
        customer: find("CustomerID")?,
    })
}

fn add(orders: &mut Orders, open: &mut HashMap<String, usize>, columns: &Columns, record: &csv::StringRecord) {
    let field = |index: usize| record.get(index).unwrap_or_default();
    let invoice = field(columns.invoice);
    let cancellation = invoice.starts_with('C');
    let Some((sku, quantity)) = line(field(columns.sku), field(columns.quantity), cancellation) else {
        orders.left_out += 1;
        return;
    };
    orders.names.entry(sku.clone()).or_insert_with(|| field(columns.name).trim().to_owned());
    let index = *open.entry(invoice.to_owned()).or_insert_with(|| {
        let (invoice, customer) = (invoice.to_owned(), field(columns.customer).to_owned());
        orders.list.push(Order { invoice, customer, cancellation, lines: vec![] });
        orders.list.len() - 1
    });
    orders.list[index].lines.push((sku, quantity));
}

/// A cancellation's quantity is negative, a sale's positive; anything else is not an order.
fn line(sku: &str, quantity: &str, cancellation: bool) -> Option<(Sku, u32)> {
    let quantity: i64 = quantity.trim().parse().ok()?;
    let units = if cancellation { -quantity } else { quantity };
    Some((Sku::new(sku.trim()).ok()?, u32::try_from(units).ok().filter(|units| *units > 0)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_invoices_and_write_offs_are_left_out() {
        let path = env::temp_dir().join(format!("onhand-orders-{}.csv", std::process::id()));
        let text = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n\
                    1,A,Lantern,6,2010-12-01T08:26,3.39,17850,UK\n\
                    C2,A,Lantern,-2,2010-12-01T08:27,3.39,17850,UK\n\
                    1,B b,,1,2010-12-01T08:26,3.39,17850,UK\n\
                    3,A,broken,-5,2010-12-01T08:28,0,,UK\n";
        std::fs::write(&path, text).unwrap();
        let orders = read(&path, usize::MAX).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((orders.list.len(), orders.lines(), orders.left_out), (2, 3, 1));
        assert_eq!(orders.list[0].lines[1], (Sku::new("B b").unwrap(), 1));
        assert!(orders.list[1].cancellation && orders.list[1].lines[0].1 == 2);
        assert_eq!(orders.demand()[&Sku::new("A").unwrap()], 6);
    }
}
