use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value;

use super::file::{SettingsFile, shape};
use super::*;
use crate::domain::ResultSpelling;
use crate::yaml::oracle::{assert_agrees, assert_known};

const PROJECT: &str = "{ name: a, service_id: s, api_key: k, api_secret: x }";

fn layers(file: &str, environment: &[(&str, &str)]) -> Layers {
    Layers {
        config_file: Some(Source::new("planet-emulator.yaml", file)),
        environment: environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        overrides: SettingsOverrides::default(),
    }
}

fn of_file(file: &str) -> Settings {
    load(layers(file, &[])).unwrap()
}

fn of_environment(environment: &[(&str, &str)]) -> Settings {
    load(layers("", environment)).unwrap()
}

/// One line for each fault.
fn faults(layers: Layers) -> String {
    let error = load(layers).expect_err("there are faults");
    error
        .faults()
        .iter()
        .fold(String::new(), |mut text, fault| {
            writeln!(text, "{fault}").unwrap();
            text
        })
}

/// All keys, those of the entries of lists and maps too.
fn keys(root: &Value, schema: &Value, found: &mut BTreeSet<String>) {
    if let Some(target) = schema["$ref"].as_str() {
        keys(root, root.pointer(&target[1..]).unwrap(), found);
    }
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        found.insert(key.clone());
        keys(root, schema, found);
    }
    if let Some(items) = schema.get("items") {
        keys(root, items, found);
    }
}

#[test]
fn the_embedded_defaults_are_those_of_the_types() {
    let source = Source::new("default.yaml", layers::DEFAULTS);
    let read = shape().read_all(&source).unwrap();
    let [(document, file)] = read.as_slice() else {
        panic!("one document");
    };
    assert_eq!(*file, SettingsFile::default());
    assert_eq!(document.value, serde_json::to_value(file).unwrap());
    assert_eq!(load(Layers::default()).unwrap(), Settings::default());
}

#[test]
fn the_embedded_defaults_name_every_key() {
    let mut all = BTreeSet::new();
    keys(&config_schema(), &config_schema(), &mut all);
    assert!(all.len() > 60, "{all:?}");
    for key in all {
        let names = |line: &str| {
            let line = line.trim_start_matches(['#', ' ', '-']);
            line.strip_prefix(&*key)
                .is_some_and(|rest| rest.starts_with(':'))
        };
        assert!(layers::DEFAULTS.lines().any(names), "{key}");
    }
}

#[test]
fn the_example_in_the_embedded_defaults_is_in_order() {
    let example = layers::DEFAULTS.lines().filter_map(|line| {
        let line = line.strip_prefix("# ")?;
        let is_example = line.starts_with("projects:") || line.starts_with("  ");
        is_example.then(|| format!("{line}\n"))
    });
    let settings = of_file(&example.collect::<String>());
    assert_eq!(settings.access, Access::Strict);
    let project = &settings.projects[0];
    assert_eq!(
        project.credentials.as_ref().unwrap().api_secret.expose(),
        "shop-secret"
    );
    assert_eq!(project.clock, ClockMode::Scaled(20.0));
    assert_eq!(project.audio_sources.len(), 1);
    for callback in Callback::ALL {
        assert!(project.callbacks.get(callback).is_some());
    }
}

#[test]
fn without_projects_everyone_may_call() {
    let settings =
        of_file("callbacks: { notify: 'http://a/b' }\nrate_limit: 3\nclock: 20x\nseed: 7");
    assert_eq!(settings.access, Access::Open);
    let [project] = settings.projects.as_slice() else {
        panic!("one project");
    };
    assert_eq!(project.name, "default");
    assert_eq!((&project.service_id, &project.credentials), (&None, &None));
    let notify = project.callbacks.get(Callback::Notify).map(Url::as_str);
    assert_eq!(notify, Some("http://a/b"));
    assert_eq!(project.callbacks.get(Callback::CallEvent), None);
    assert_eq!(project.rate_limit, Some(3));
    assert_eq!(
        (project.clock, project.seed),
        (ClockMode::Scaled(20.0), Some(7))
    );
}

#[test]
fn a_project_has_the_clock_and_seed_of_all_unless_it_has_its_own() {
    let settings = of_file(
        "clock: 2x
seed: 1
projects:
  - { name: a, service_id: s, api_key: k, api_secret: x }
  - { name: b, service_id: s, api_key: l, api_secret: x, clock: real, seed: 2 }
",
    );
    let of = |at: usize| (settings.projects[at].clock, settings.projects[at].seed);
    assert_eq!(of(0), (ClockMode::Scaled(2.0), Some(1)));
    assert_eq!(of(1), (ClockMode::Real, Some(2)));
}

#[test]
fn the_later_of_two_values_of_a_variable_wins() {
    for (first, last) in [("1", "2"), ("2", "1")] {
        let name = "PLANET_EMULATOR_SEED";
        let settings = load(layers("", &[(name, first), (name, last)])).unwrap();
        assert_eq!(
            settings.seed.map(|seed| seed.to_string()),
            Some(last.into())
        );
    }
}

#[test]
fn a_later_layer_wins() {
    let file = "listen: 127.0.0.1:1\nseed: 1\nlog: json\nlimits: { body: 1KiB, live_calls: 7 }";
    let mut layers = layers(
        file,
        &[
            ("PLANET_EMULATOR_LIMITS__BODY", "1MiB"),
            ("PLANET_EMULATOR_LISTEN", "127.0.0.1:2"),
            ("PLANET_EMULATOR_SEED", "2"),
            ("PATH", "/bin"),
        ],
    );
    let settings = load(layers.clone()).unwrap();
    assert_eq!(settings.listen, "127.0.0.1:2");
    assert_eq!(settings.seed, Some(2));
    assert_eq!(settings.log, LogFormat::Json);
    assert_eq!(settings.default_scenario, "answered");
    let limits = Limits {
        body: 1 << 20,
        journal_calls: 10_000,
        live_calls: 7,
    };
    assert_eq!(settings.limits, limits);
    assert!(settings.scenarios_are_default);

    layers.overrides = SettingsOverrides {
        listen: Some("127.0.0.1:3".to_owned()),
        scenarios: vec!["mine".into()],
        seed: Some(u64::MAX),
        clock: Some(ClockMode::Scaled(0.5)),
        log: Some(LogFormat::Text),
    };
    let settings = load(layers).unwrap();
    assert_eq!(settings.listen, "127.0.0.1:3");
    assert_eq!(settings.scenarios, [PathBuf::from("mine")]);
    assert!(!settings.scenarios_are_default);
    assert_eq!(settings.seed, Some(u64::MAX));
    assert_eq!(settings.clock, ClockMode::Scaled(0.5));
    assert_eq!(settings.log, LogFormat::Text);
}

#[test]
fn a_variable_for_a_key_wins_over_one_for_its_mapping() {
    let settings = of_environment(&[
        ("PLANET_EMULATOR_CALLBACKS__NOTIFY", "http://a/key"),
        (
            "PLANET_EMULATOR_CALLBACKS",
            "{ notify: 'http://a/whole', call_event: 'http://a/event' }",
        ),
    ]);
    let urls = &settings.projects[0].callbacks;
    assert_eq!(urls.notify.as_ref().unwrap().as_str(), "http://a/key");
    assert_eq!(urls.call_event.as_ref().unwrap().as_str(), "http://a/event");
}

#[test]
fn a_variable_is_read_as_its_key_asks() {
    let of = |name: &str, value: &str| {
        let name = format!("PLANET_EMULATOR_{name}");
        of_environment(&[(&name, value)])
    };
    for (title, value, expected) in [
        ("commas", "a, b", vec!["a", "b"]),
        ("a YAML list", "[a, 'b, c']", vec!["a", "b, c"]),
        ("a block list", "- a\n- b", vec!["a", "b"]),
        ("one", "a", vec!["a"]),
        ("none", "", vec![]),
    ] {
        let settings = of("SCENARIOS", value);
        let expected: Vec<PathBuf> = expected.into_iter().map(PathBuf::from).collect();
        assert_eq!(settings.scenarios, expected, "{title}");
        assert!(!settings.scenarios_are_default, "{title}");
    }
    assert_eq!(of("DEFAULT_SCENARIO", "true").default_scenario, "true");
    assert_eq!(
        of("DEFAULT_SCENARIO", "'a': #1").default_scenario,
        "'a': #1"
    );
    assert_eq!(of("SEED", "").seed, None);
    assert_eq!(of("SEED", "null").seed, None);
    assert_eq!(of("LIMITS__BODY", "1000").limits.body, 1_000);
    assert_eq!(
        of("CALLBACKS__NOTIFY", "").projects[0].callbacks.notify,
        None
    );
    assert_eq!(
        of("FIDELITY__RESULT_SPELLING", "example")
            .fidelity
            .result_spelling,
        ResultSpelling::Example
    );
    let max = of("FIDELITY__MAX_CALL_TIME", "2s").fidelity.max_call_time;
    assert_eq!(max, Some(HumanDuration(Duration::from_secs(2))));
    for value in [
        r#"[{"name":"a","service_id":"s","api_key":"k","api_secret":"12345"}]"#,
        "- name: a\n  service_id: s\n  api_key: k\n  api_secret: '12345'\n",
    ] {
        let settings = of("PROJECTS", value);
        let credentials = settings.projects[0].credentials.as_ref().unwrap();
        assert_eq!(credentials.api_secret.expose(), "12345");
    }
    assert_eq!(of("LOG", "json").log, "json".parse().unwrap());
    assert_eq!(of("URL", "whatever"), of_environment(&[]));
    assert_eq!(of("CONFIG", "whatever"), of_environment(&[]));
}

#[test]
fn every_fault_of_a_file_is_told_at_once() {
    let file = "lisen: 127.0.0.1:1
listen: localhost
callbacks: { notify: 'localhost:3000/x', call_event: 'http://a/#b' }
projects:
  - { name: a b, service_id: a_b, api_key: '', api_secret: '' }
  - { name: b, service_id: s, api_key: k, api_secret: x, audio_sources: { 12: 3s, 5498f04048fa: 1 } }
  - { name: b, service_id: s, api_key: k, api_secret: x, rate_limit: 0, clock: fast }
  - { name: c, audio_sources: { 5498f04048fa: 1s, 5498F04048FA: 1s } }
delivery: { timeout: 5, max_in_flight: 0, retry: 1 }
limits: { body: 64kb, live_calls: 5000000000 }
fidelity: { result_spelling: tables, max_call_time: soon }
seed: -1
";
    insta::assert_snapshot!(faults(layers(file, &[])), @r"
    planet-emulator.yaml:1:1: unknown key `lisen`; hint: did you mean `listen`?
    planet-emulator.yaml:2:9: expected an address such as `127.0.0.1:7526`, found `localhost`; hint: add a port: `localhost:7526`; port 0 takes any free one
    planet-emulator.yaml:3:14: `callbacks.notify` has no effect beside `projects`; hint: put it into the projects: each has its own
    planet-emulator.yaml:3:22: expected a URL such as `http://127.0.0.1:3000/planet/notify`, found `localhost:3000/x`; hint: begin it with a scheme: `http://localhost:3000/x`
    planet-emulator.yaml:3:42: `callbacks.call_event` has no effect beside `projects`; hint: put it into the projects: each has its own
    planet-emulator.yaml:3:54: expected a URL such as `http://127.0.0.1:3000/planet/notify`, found `http://a/#b`; hint: remove `#` and what follows: it is never sent
    planet-emulator.yaml:5:13: expected a name such as `shop`, found `a b`; hint: a name has 1 to 64 of a-z A-Z 0-9 - _
    planet-emulator.yaml:5:30: expected a service ID such as `shop-eval`, found `a_b`; hint: a service ID must consist of a-z A-Z 0-9 - . only, found `_`
    planet-emulator.yaml:5:44: expected an API key such as `shop-key`, found empty text; hint: an API key has at least one of a-z A-Z 0-9 - _, and nothing else
    planet-emulator.yaml:5:60: expected a secret of at least one character; hint: if it is a number or has special characters, put it in quotes
    planet-emulator.yaml:6:82: expected a content ID of twelve hexadecimal digits as a key, found `12`
    planet-emulator.yaml:6:104: expected a duration such as `50ms`, `3s` or `1m30s`, found the number `1`; hint: add a unit: `1s` or `1ms`
    planet-emulator.yaml:7:13: duplicate `name`: another project has `b` already
    planet-emulator.yaml:7:40: duplicate `api_key`: another project has `k` already
    planet-emulator.yaml:7:77: expected a whole number from 1 to 4294967295, or nothing, found `0`
    planet-emulator.yaml:7:87: expected `real`, `manual` or a speed such as `20x`, found `fast`; hint: a speed is a number above 0, then `x`: `0.5x`, `20x`
    planet-emulator.yaml:8:5: missing keys `service_id`, `api_key` and `api_secret`
    planet-emulator.yaml:8:51: duplicate content ID `5498F04048FA`; hint: content IDs that differ in letter case only are the same
    planet-emulator.yaml:9:22: expected a duration such as `50ms`, `3s` or `1m30s`, found the number `5`; hint: add a unit: `5s` or `5ms`
    planet-emulator.yaml:9:40: expected a whole number from 1 to 4294967295, found `0`
    planet-emulator.yaml:9:43: unknown key `retry`; hint: known keys are `allow_hosts`, `max_in_flight`, `max_in_flight_per_host`, `timeout`
    planet-emulator.yaml:10:17: expected a size such as `64KiB`, found `64kb`; hint: write a whole number and `B`, `KiB`, `MiB` or `GiB`
    planet-emulator.yaml:10:35: expected a whole number from 1 to 4294967295, found `5000000000`
    planet-emulator.yaml:11:30: expected one of `table`, `example`, found `tables`; hint: did you mean `table`?
    planet-emulator.yaml:11:53: expected a duration such as `50ms`, `3s` or `1m30s`, found `soon`; hint: write a number and a unit: `ms`, `s`, `m` or `h`
    planet-emulator.yaml:12:7: expected a whole number of at least 0, or nothing, found `-1`
    ");
}

#[test]
fn every_fault_of_the_environment_names_its_variable() {
    let environment = [
        ("PLANET_EMULATOR_LISTN", "hunter2"),
        ("PLANET_EMULATOR_CALLBACKS__NOTIFIY", "hunter2"),
        ("PLANET_EMULATOR_CALLBACKS__NOTIFY", "localhost:3000"),
        ("PLANET_EMULATOR_PROJECTS__0__NAME", "hunter2"),
        ("PLANET_EMULATOR_listen", "x"),
        ("PLANET_EMULATOR_SEED", "1.5"),
        ("PLANET_EMULATOR_LIMITS__BODY", "64kb"),
        ("PLANET_EMULATOR_LIMITS", "{ body: 1KiB,\n  bdy: 3 }"),
        ("PLANET_EMULATOR_FIDELITY__STID", "sent"),
        ("PLANET_EMULATOR_DELIVERY__TIMEOUT", "5"),
        ("PLANET_EMULATOR_DELIVERY", "{ x"),
        ("PLANET_EMULATOR_DELIVERY__MAX_IN_FLIGHT", ""),
        ("PLANET_EMULATOR_PROJECTS", "[{ api_secret: 7734, nam: a }]"),
    ];
    insta::assert_snapshot!(faults(layers("", &environment)), @r"
    PLANET_EMULATOR_CALLBACKS__NOTIFIY:1:1: unknown variable; hint: did you mean `PLANET_EMULATOR_CALLBACKS__NOTIFY`?
    PLANET_EMULATOR_CALLBACKS__NOTIFY:1:1: expected a URL such as `http://127.0.0.1:3000/planet/notify`, found `localhost:3000`; hint: begin it with a scheme: `http://localhost:3000`
    PLANET_EMULATOR_CALLBACKS__NOTIFY:1:1: `callbacks.notify` has no effect beside `projects`; hint: put it into the projects: each has its own
    PLANET_EMULATOR_DELIVERY:1:4: expected `,` or `}`; hint: close what was opened before; text with any of `{}[],` must be in quotes
    PLANET_EMULATOR_DELIVERY__MAX_IN_FLIGHT:1:1: expected a whole number from 1 to 4294967295, found nothing; hint: remove the key or give it a value
    PLANET_EMULATOR_DELIVERY__TIMEOUT:1:1: expected a duration such as `50ms`, `3s` or `1m30s`, found `5`; hint: add a unit: `5s` or `5ms`
    PLANET_EMULATOR_FIDELITY__STID:1:1: expected one of `send`, `omit`, found `sent`; hint: did you mean `send`?
    PLANET_EMULATOR_LIMITS:2:3: unknown key `bdy`; hint: did you mean `body`?
    PLANET_EMULATOR_LIMITS__BODY:1:1: expected a size such as `64KiB`, found `64kb`; hint: write a whole number and `B`, `KiB`, `MiB` or `GiB`
    PLANET_EMULATOR_LISTN:1:1: unknown variable; hint: did you mean `PLANET_EMULATOR_LISTEN`?
    PLANET_EMULATOR_PROJECTS:1:2: missing keys `service_id` and `api_key`
    PLANET_EMULATOR_PROJECTS:1:16: expected a secret of at least one character; hint: if it is a number or has special characters, put it in quotes
    PLANET_EMULATOR_PROJECTS:1:26: unknown key `nam`; hint: did you mean `name`?
    PLANET_EMULATOR_PROJECTS__0__NAME:1:1: unknown variable; hint: this setting is given as a whole, as YAML: `PLANET_EMULATOR_PROJECTS`
    PLANET_EMULATOR_SEED:1:1: expected a whole number of at least 0, or nothing, found `1.5`
    PLANET_EMULATOR_listen:1:1: unknown variable; hint: did you mean `PLANET_EMULATOR_LISTEN`?
    ");
}

#[test]
fn faults_between_layers_are_told_where_the_later_one_stands() {
    let projects = format!("projects: [{PROJECT}]");
    let environment = [("PLANET_EMULATOR_CALLBACKS__NOTIFY", "http://a/b")];
    insta::assert_snapshot!(faults(layers(&projects, &environment)), @r"
    PLANET_EMULATOR_CALLBACKS__NOTIFY:1:1: `callbacks.notify` has no effect beside `projects`; hint: put it into the projects: each has its own
    ");
    let file = "callbacks: { notify: 'http://a/b' }\nrate_limit: 1";
    let two = format!("[{PROJECT}, {PROJECT}]");
    let environment = [("PLANET_EMULATOR_PROJECTS", two.as_str())];
    insta::assert_snapshot!(faults(layers(file, &environment)), @r"
    PLANET_EMULATOR_PROJECTS:1:72: duplicate `name`: another project has `a` already
    PLANET_EMULATOR_PROJECTS:1:99: duplicate `api_key`: another project has `k` already
    planet-emulator.yaml:1:14: `callbacks.notify` has no effect beside `projects`; hint: put it into the projects: each has its own
    planet-emulator.yaml:2:1: `rate_limit` has no effect beside `projects`; hint: put it into the projects: each has its own
    ");
    let mut layers = layers("", &[]);
    layers.overrides.listen = Some("80".to_owned());
    insta::assert_snapshot!(faults(layers), @r"
    --listen:1:1: expected an address such as `127.0.0.1:7526`, found `80`; hint: put the host before the port: `127.0.0.1:80`
    ");
}

#[test]
fn an_error_is_shown_with_the_line_at_fault() {
    let file =
        format!("projects:\n- {PROJECT}\n- {PROJECT}\n").replace("secret: x", "secret: hunter2");
    let error = load(layers(&file, &[])).expect_err("duplicates");
    insta::assert_snapshot!(error, @r"
    faulty settings
    error: duplicate `name`: another project has `a` already
     --> planet-emulator.yaml:3:11
      |
    3 | - { name: a, service_id: s, api_key: k, api_secret: ******** }
      |           ^

    error: duplicate `api_key`: another project has `k` already
     --> planet-emulator.yaml:3:38
      |
    3 | - { name: a, service_id: s, api_key: k, api_secret: ******** }
      |                                      ^
    ");
    let error = read_config_file(Path::new("no/such.yaml")).expect_err("no such file");
    assert!(
        error
            .to_string()
            .starts_with("cannot read config file `no/such.yaml`: ")
    );
}

#[test]
fn an_empty_file_is_in_order_and_two_documents_are_not() {
    assert_eq!(of_file("# nothing\n"), Settings::default());
    insta::assert_snapshot!(faults(layers("seed: 1\n---\nseed: 2\n", &[])), @r"
    planet-emulator.yaml:3:1: expected one document, found another one; hint: a configuration is one file without `---`
    ");
}

#[test]
fn the_schema_is_one_for_editors() {
    let schema = config_schema();
    assert_eq!(schema["title"], "planet-emulator configuration");
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    assert_eq!(schema["properties"]["listen"]["default"], "127.0.0.1:7526");
}

#[test]
fn settings_are_checked_as_their_schema_says() {
    let sound = serde_json::to_value(SettingsFile::default()).unwrap();
    let mut with_project = sound.clone();
    with_project["projects"] = serde_json::json!([{
        "name": "shop",
        "service_id": "shop-eval",
        "api_key": "shop-key",
        "api_secret": "shop-secret",
        "audio_sources": { "5498f04048fa": "8s" },
        "rate_limit": 100,
    }]);
    let (schema, formats) = (shape().schema(), shape().formats());
    assert_known(schema, formats);
    assert_agrees(schema, formats, &[sound, with_project]);
}
