use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_service;
use spin_sdk::key_value::Store;
use spin_sdk::sqlite::Connection;

/// Answers with the number of requests before this one, the keys of the store, and the number that a query returns.
#[http_service]
async fn answer(_: Request) -> anyhow::Result<impl IntoResponse> {
    let store = Store::open_default().await?;
    let count: u32 = match store.get("count").await? {
        Some(bytes) => String::from_utf8(bytes)?.parse()?,
        None => 0,
    };
    store.set("count", (count + 1).to_string().as_bytes()).await?;
    let keys = store.get_keys().await.collect().await?;
    let connection = Connection::open_default().await?;
    let rows = connection.execute("select 6 * 7", []).await?.collect().await?;
    let cell: i64 = rows[0].get(0).unwrap_or_default();
    let text = format!("{count} {} {cell}\n", keys.join(","));
    Ok(Response::builder().body(text)?)
}
