//! The emulator's control API, as far as measuring needs it.

use serde_json::Value;

/// A client of the control API of the emulator at this port.
pub(crate) struct Control {
    client: reqwest::Client,
    base: String,
}

impl Control {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            // No connection is kept: an advance may take longer than the emulator keeps one.
            client: reqwest::Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .build()
                .unwrap(),
            base: format!("http://127.0.0.1:{port}/_emulator"),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self
            .client
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.base);
        let answer = self
            .client
            .post(url)
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
    }

    /// Begins the project `default` anew.
    pub(crate) async fn reset(&self) {
        self.post("/projects/default/reset", &Value::Null).await;
    }

    pub(crate) async fn live_calls(&self) -> u64 {
        self.get("/health").await["calls"]["live"].as_u64().unwrap()
    }

    /// By how much each callback of each call on record was late, in milliseconds.
    pub(crate) async fn lateness(&self, project: &str) -> Vec<f64> {
        let mut found = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self
                .get(&format!("/calls?project={project}&limit=1000{cursor}"))
                .await;
            for call in page["calls"].as_array().unwrap() {
                for delivery in call["deliveries"].as_array().unwrap() {
                    found.extend(delivery["attempts"][0]["lateness_ms"].as_f64());
                }
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    }
}
