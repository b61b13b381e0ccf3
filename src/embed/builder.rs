use super::Emulator;
use crate::clock::ClockMode;
use crate::scenario::{ScenarioFiles, ScenarioStore};
use crate::settings::{self, Layers, Settings, SettingsOverrides};
use crate::startup;
use crate::yaml::Source;

/// What an [`Emulator`] shall be like. Listens on a free port of 127.0.0.1 unless told otherwise.
#[derive(Debug, Clone, Default)]
#[must_use = "nothing runs before `start`"]
pub struct EmulatorBuilder {
    config: String,
    environment: Vec<(String, String)>,
    scenarios: Vec<String>,
    clock: Option<String>,
    seed: Option<u64>,
    listen: Option<String>,
}

impl EmulatorBuilder {
    /// Settings as the YAML of a config file.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhow::Result<()> {
    /// # use planet_emulator::Emulator;
    /// let emulator = Emulator::builder().config("fidelity: { result_spelling: example }").start().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn config(mut self, yaml: impl Into<String>) -> Self {
        self.config = yaml.into();
        self
    }

    /// Where Notify goes in open mode.
    pub fn notify_url(self, url: impl Into<String>) -> Self {
        self.variable("PLANET_EMULATOR_CALLBACKS__NOTIFY", url)
    }

    /// Where Agent Call Status goes in open mode.
    pub fn agent_call_status_url(self, url: impl Into<String>) -> Self {
        self.variable("PLANET_EMULATOR_CALLBACKS__AGENT_CALL_STATUS", url)
    }

    /// Where 1-to-1 Call Event goes in open mode.
    pub fn call_event_url(self, url: impl Into<String>) -> Self {
        self.variable("PLANET_EMULATOR_CALLBACKS__CALL_EVENT", url)
    }

    /// All three callbacks at `base` + `/notify`, `/agent_call_status` and `/call_event`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhow::Result<()> {
    /// # use planet_emulator::Emulator;
    /// let emulator = Emulator::builder().callbacks("http://127.0.0.1:3000/planet").start().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn callbacks(self, base: impl AsRef<str>) -> Self {
        let base = base.as_ref().trim_end_matches('/');
        self.notify_url(format!("{base}/notify"))
            .agent_call_status_url(format!("{base}/agent_call_status"))
            .call_event_url(format!("{base}/call_event"))
    }

    /// Adds scenarios as YAML text; may be called again.
    pub fn scenario(mut self, yaml: impl Into<String>) -> Self {
        self.scenarios.push(yaml.into());
        self
    }

    /// How time passes: `real`, a speed such as `20x`, or `manual`, where it stands still unless it is
    /// moved by [`Emulator::advance`] and the like.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhow::Result<()> {
    /// # use planet_emulator::Emulator;
    /// let emulator = Emulator::builder().clock("manual").start().await?;
    /// assert!(emulator.advance_until_idle().await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn clock(mut self, mode: impl Into<String>) -> Self {
        self.clock = Some(mode.into());
        self
    }

    /// Fixes session IDs, drawn delays and choices.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Where to listen, if not on a free port of 127.0.0.1.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = Some(address.into());
        self
    }

    /// Starts the emulator; it is ready when this returns.
    ///
    /// # Errors
    /// When the config or a scenario is faulty, each fault with its place, or the port is taken.
    pub async fn start(self) -> anyhow::Result<Emulator> {
        let (settings, sources) = self.settings()?;
        // The usual folder is not for tests: they shall not depend on where they are run.
        let files = match settings.scenarios_are_default {
            true => ScenarioFiles::default(),
            false => ScenarioFiles::of(&settings),
        };
        let scenarios = ScenarioStore::load(sources, files, &settings.default_scenario)?;
        Ok(Emulator(startup::start(&settings, scenarios)?))
    }

    fn settings(self) -> anyhow::Result<(Settings, Vec<Source>)> {
        let clock = self.clock.map(|mode| mode.parse::<ClockMode>());
        let layers = Layers {
            config_file: Some(Source::new("<config>", self.config)),
            environment: self.environment,
            overrides: SettingsOverrides {
                listen: Some(self.listen.unwrap_or_else(|| "127.0.0.1:0".to_owned())),
                scenarios: Vec::new(),
                seed: self.seed,
                clock: clock.transpose().map_err(anyhow::Error::msg)?,
                log: None,
            },
        };
        let sources = self.scenarios.into_iter().enumerate();
        let sources = sources
            .map(|(index, text)| Source::new(format!("<scenario {}>", index + 1), text))
            .collect();
        Ok((settings::load(layers)?, sources))
    }

    fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        // What is said last counts, as with every other setting.
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.into()));
        self
    }
}
