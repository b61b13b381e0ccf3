use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use futures_util::future::join_all;
use url::Url;

use super::check::plural;
use super::container;
use super::diagnosis::{Diagnosis, Verdict, of_answer, of_error, of_missing};
use super::exit::{FAULTS, cannot_start, say, talk};
use super::serve::{ServeArgs, settings_of};
use crate::delivery::Courier;
use crate::domain::Callback;
use crate::emulator::delivery_options;
use crate::settings::{ProjectSettings, Settings};
use crate::wire::shown;

#[derive(Debug, Args)]
#[command(
    after_help = "Sends GET to every configured callback URL, just as real callbacks are sent and from where they \
                  are, but with none of their parameters: the app server sees one bare request per URL, with the \
                  User-Agent planet-emulator/VERSION.\n\n\
                  `ok`: callbacks arrive. `warning`: reached, but refused, perhaps only because the probe has no \
                  parameters; or there is no URL, so that this callback is never sent. `problem`: callbacks would \
                  fail.\n\n\
                  Exit status: 0 no problem, 1 a problem, 3 the configuration cannot be loaded."
)]
pub(super) struct DoctorArgs {
    /// The config file [default: planet-emulator.yaml, if it is there]
    #[arg(long, value_name = "FILE", env = "PLANET_EMULATOR_CONFIG")]
    config: Option<PathBuf>,
}

/// One callback of one project.
struct Patient<'a> {
    project: &'a ProjectSettings,
    callback: Callback,
    url: Option<&'a Url>,
}

pub(super) async fn run(args: DoctorArgs) -> ExitCode {
    let settings = settings_of(ServeArgs::with_config(args.config));
    let settings = match settings {
        Ok(settings) => settings,
        Err(reason) => return cannot_probe(&reason),
    };
    let courier = match Courier::new(&delivery_options(&settings)) {
        Ok(courier) => courier,
        Err(error) => return cannot_probe(&format!("{error:#}")),
    };
    let container = container::sign();
    let patients: Vec<_> = settings.projects.iter().flat_map(patients_of).collect();
    let probes = patients
        .iter()
        .map(|patient| patient.probe(&courier, &settings, container.as_deref()));
    let diagnoses = join_all(probes).await;
    for (patient, diagnosis) in patients.iter().zip(&diagnoses) {
        report(patient, diagnosis);
    }
    let count = |verdict| diagnoses.iter().filter(|d| d.verdict == verdict).count();
    let problems = count(Verdict::Problem);
    talk(format_args!(
        "{}, {}, {}",
        plural(diagnoses.len(), "callback"),
        plural(problems, "problem"),
        plural(count(Verdict::Warning), "warning"),
    ));
    ExitCode::from(if problems > 0 { FAULTS } else { 0 })
}

fn cannot_probe(reason: &str) -> ExitCode {
    cannot_start(format_args!(
        "no callback URL was probed, since the configuration is at fault\n{reason}"
    ))
}

fn patients_of(project: &ProjectSettings) -> impl Iterator<Item = Patient<'_>> {
    Callback::ALL.into_iter().map(move |callback| Patient {
        project,
        callback,
        url: project.callbacks.get(callback),
    })
}

impl Patient<'_> {
    async fn probe(
        &self,
        courier: &Courier,
        settings: &Settings,
        container: Option<&str>,
    ) -> Diagnosis {
        let fidelity = &settings.fidelity;
        let Some(url) = self.url else {
            return of_missing(self.callback, settings.access, fidelity);
        };
        match courier.send(url).await.result {
            Ok(answer) => of_answer(&answer, fidelity),
            Err(error) => of_error(url, &error, container),
        }
    }
}

fn report(patient: &Patient<'_>, diagnosis: &Diagnosis) {
    let Diagnosis {
        verdict,
        told,
        hint,
    } = diagnosis;
    let url = patient.url.map_or_else(|| "(no URL)".to_owned(), shown);
    let (project, callback) = (&patient.project.name, patient.callback);
    say(format_args!(
        "{verdict:<7}  {project} {callback} {url}\n         {told}"
    ));
    if let Some(hint) = hint {
        say(format_args!("         hint: {hint}"));
    }
}
