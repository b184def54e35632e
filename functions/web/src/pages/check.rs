//! A file that a person uploads: what it would be read as, before models learn from it, and the button that lets
//! them learn. What reads files is the function `upload`.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use maud::{Markup, html};
use serde_json::json;
use tasador_check::schema::{self, SchemaError};
use tasador_check::{Against, Found, UPLOAD_MAX_BYTES, Upload, rents_sentence};
use tasador_flow::gate::Decision;
use tasador_http::runs;
use tasador_ids::key::ModelFile;
use tasador_ids::{Digest, Units};
use tasador_lake::{LakeError, key};
use tasador_listing::ColumnKind;
use tasador_listing::checked::Checked;
use tasador_listing::identity::IdentityRule;
use tasador_pricing::NoModel;
use tasador_rules::Serving;
use tasador_runtime::chain;

use super::{Missing, Shown};
use crate::Site;
use crate::columns::Names as _;
use crate::facts::log_failure;
use crate::language::{Language, PageLanguage as _};
use crate::layout;
use crate::sections::history;

/// In place of a file in the address: none was sent, or a too large one.
const NEW: &str = "new";
const TOO_LARGE: &str = "too-large";

pub(super) async fn page(site: &Site, language: Language, check: &str, may_change: bool) -> Shown {
    let title = language.of("Check a file of listings", "Revisar un archivo de anuncios");
    if matches!(check, NEW | TOO_LARGE) {
        let body = match may_change {
            true => form(language, check == TOO_LARGE),
            false => {
                let words = language.words();
                html! { div.card { (layout::empty(words.not_allowed, words.not_allowed_hint)) } }
            }
        };
        return Ok((title.to_owned(), body));
    }
    let digest: Digest = check.parse().map_err(|_| Missing::Unknown)?;
    let ctx = site.pricing.context();
    let upload: Upload = match ctx.lake.get_json(&key::check(&digest)).await {
        Err(LakeError::NotFound { .. }) => return Err(Missing::Unknown),
        found => log_failure("an uploaded file", found).ok_or(Missing::Unavailable)?,
    };
    let against = match &upload.found {
        Found::Checked(checked) => against(site, checked).await,
        Found::Unreadable(_) => None,
    };
    let body = html! {
        @match &upload.found {
            Found::Checked(checked) => (found(language, checked, against.as_ref())),
            Found::Unreadable(why) => div.card {
                p { strong { (language.of("This file cannot be read.", "Este archivo no se puede leer.")) } }
                p lang="en" role="alert" { (why) }
            },
        }
        @if may_change {
            (decide(language, &digest, &upload))
            (form(language, false))
        }
    };
    Ok((upload.name.clone(), body))
}

/// How the file compares with the model in production; `None` if there is none, or it is not available.
async fn against(site: &Site, checked: &Checked) -> Option<Against> {
    let ctx = site.pricing.context();
    let champion = match site.pricing.champion().await {
        Ok(champion) => champion,
        Err(NoModel::NoChampion) => return None,
        Err(NoModel::Trouble(reason)) => {
            tracing::warn!("a file is not compared with the model in production: {reason}");
            return None;
        }
    };
    let model = &champion.record.model;
    let profile = key::model(model, champion.version(), ModelFile::Profile);
    let profile = ctx.lake.get_json(&profile).await;
    let inputs = champion.description.inputs.iter();
    let serving = Serving {
        version: champion.version(),
        inputs: inputs.map(|input| input.name.clone()).collect(),
        important: champion.model.important().map(str::to_owned).collect(),
        learnt_rows: Some(champion.description.training_rows),
        reference: Some(log_failure("the profile of a version", profile)?),
        error: None,
        served: None,
    };
    Some(Against::judge(serving, checked, &ctx.config.gate))
}

/// The form that uploads a file.
fn form(language: Language, was_too_large: bool) -> Markup {
    let limit = html! {
        (language.of("At most", "Como máximo")) " " (UPLOAD_MAX_BYTES / 1_000_000) " MB. "
        (language.of("Put a larger file into the bucket under", "Ponga un archivo mayor en el bucket bajo"))
        " " code { "drop/" } " " (language.of("or use", "o use")) " " code { "tasador check" } "."
    };
    let too_large = language.of("The file is too large.", "El archivo es demasiado grande.");
    html! {
        div.card #upload {
            h2 { (language.of("Upload a file", "Subir un archivo")) }
            p.lead {
                (language.of(
                    "Shows what a file would be read as: its columns, units, rejected rows, and what the gate would decide. Models do not learn from it until you say so.",
                    "Muestra cómo se leería un archivo: sus columnas, unidades, filas rechazadas y la decisión que se tomaría. Los modelos no aprenden de él hasta que usted lo indique.",
                ))
            }
            form method="post" action="page/checks" enctype="multipart/form-data" {
                div.field.wrong[was_too_large] {
                    label for="file" {
                        (language.of(
                            "File: CSV, NDJSON, JSON, Parquet or Excel (also .gz and .zip)",
                            "Archivo: CSV, NDJSON, JSON, Parquet o Excel (también .gz y .zip)",
                        ))
                    }
                    input #file name="file" type="file" required aria-describedby="file-hint"
                        accept=".csv,.tsv,.tab,.txt,.ndjson,.jsonl,.json,.parquet,.xlsx,.zip,.gz"
                        data-max=(UPLOAD_MAX_BYTES) data-message=(too_large)
                        aria-invalid=[was_too_large.then_some("true")];
                    p.hint #file-hint role=[was_too_large.then_some("alert")] {
                        @if was_too_large { (too_large) " " }
                        (limit)
                    }
                }
                div.actions {
                    button.button type="submit" { (language.of("Check this file", "Revisar este archivo")) }
                }
            }
        }
    }
}

/// What a file was read as.
fn found(language: Language, checked: &Checked, against: Option<&Against>) -> Markup {
    let words = language.words();
    let quality = &checked.quality;
    let units = Units::current();
    html! {
        @if !quality.usable() {
            div.card {
                p role="alert" {
                    strong {
                        (language.of(
                            "Models cannot learn from this file as it is.",
                            "Los modelos no pueden aprender de este archivo tal como está.",
                        ))
                    }
                }
            }
        }
        div.card #found {
            dl.facts.first {
                dt { (words.rows) }
                dd {
                    (language.count(quality.raw)) " = " (language.count(quality.clean)) " " (words.rows_clean)
                    " + " (language.count(quality.rejected_rows())) " " (words.rows_rejected)
                    " + " (language.count(quality.duplicates())) " " (words.rows_duplicate)
                }
                dt { (language.of("Format", "Formato")) } dd { (checked.format) }
                @if let Some(encoding) = &quality.form.encoding {
                    dt { (language.of("Encoding", "Codificación")) } dd { (encoding) }
                }
                @if let Some(separator) = quality.form.separator {
                    dt { (language.of("Separator", "Separador")) }
                    dd { (separator_in_words(language, separator)) }
                }
                dt { (language.of("Properties", "Viviendas")) }
                dd {
                    (language.count(quality.properties))
                    @for (rule, rows) in &quality.identity {
                        "; " (language.count(*rows)) " " (language.of("rows by", "filas por")) " "
                        (rule_in_words(language, *rule))
                    }
                }
            }
            @if !quality.columns_gone.is_empty() {
                p.hint {
                    (language.of("Not in the file: ", "No están en el archivo: "))
                    (language.list(&quality.columns_gone.iter().map(|name| language.column(name)).collect::<Vec<_>>()))
                }
            }
        }
        (columns(language, checked, units))
        @if !quality.rejected.is_empty() {
            div.card #rejected {
                h2 { (words.rejected_for) }
                ul.reasons {
                    @for (reason, rows) in &quality.rejected {
                        li {
                            (language.count(*rows)) ": " (history::rejection(language, reason.code()))
                            @if let Some(lines) = lines(checked.rejected_lines.get(reason), *rows) {
                                " (" (language.of("lines", "líneas")) " " (lines) ")"
                            }
                        }
                    }
                }
            }
        }
        @let rents = checked.suspected_rents();
        @if !quality.problems.is_empty() || rents.is_some() {
            div.card #recognised {
                h2 { (words.recognised) }
                ul.reasons {
                    @for problem in &quality.problems { li lang="en" { (problem.sentence) } }
                    @if let Some(rents) = rents { li { (rents_sentence(language, rents)) } }
                }
            }
        }
        @if let Some(against) = against { (beside(language, against)) }
    }
}

fn separator_in_words(language: Language, separator: char) -> String {
    let name = match separator {
        ',' => language.of("comma", "coma"),
        ';' => language.of("semicolon", "punto y coma"),
        '\t' => language.of("tab", "tabulador"),
        '|' => language.of("vertical bar", "barra vertical"),
        other => return other.to_string(),
    };
    name.to_owned()
}

/// The first lines, and whether there are more.
fn lines(named: Option<&Vec<u64>>, rows: u64) -> Option<String> {
    let named = named.filter(|named| !named.is_empty())?;
    let mut lines: Vec<String> = named.iter().map(u64::to_string).collect();
    if (lines.len() as u64) < rows {
        lines.push("…".to_owned());
    }
    Some(lines.join(", "))
}

fn columns(language: Language, checked: &Checked, units: Units) -> Markup {
    let names = [
        language.of("Column", "Columna"),
        language.of("In the file", "En el archivo"),
        language.of("Kind", "Tipo"),
        language.of("Unit", "Unidad"),
        language.of("Filled", "Con valor"),
        language.of("Unreadable", "Ilegibles"),
    ];
    let [column, in_file, kind, unit, filled, unreadable] = names;
    html! {
        div.card.flush {
            table.listed #columns {
                caption.hidden { (language.of("The columns of the file", "Las columnas del archivo")) }
                thead { tr { @for name in names { th scope="col" { (name) } } } }
                tbody {
                    @for found in checked.columns(units) {
                        tr {
                            th scope="row" data-label=(column) { (language.column(&found.name)) }
                            td data-label=(in_file) {
                                @if found.in_file.is_empty() { code { (found.name) } } @else { code { (found.in_file.join(", ")) } }
                            }
                            td data-label=(kind) { (kind_in_words(language, found.kind)) }
                            td data-label=(unit) { @if found.unit.is_empty() { "–" } @else { (found.unit) } }
                            td data-label=(filled) { (language.percent(found.filled)) }
                            td data-label=(unreadable) { (language.count(found.bad)) }
                        }
                    }
                }
            }
        }
    }
}

fn kind_in_words(language: Language, kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Number => language.of("number", "número"),
        ColumnKind::Category => language.of("category", "categoría"),
        ColumnKind::Date => language.of("date", "fecha"),
        ColumnKind::Code => language.of("code", "código"),
        ColumnKind::Zip => language.of("zip code", "código postal"),
    }
}

fn rule_in_words(language: Language, rule: IdentityRule) -> &'static str {
    match rule {
        IdentityRule::Id => language.of("an id", "un identificador"),
        IdentityRule::Address => language.of("address", "dirección"),
        IdentityRule::Features => language.of("place and features", "lugar y características"),
        IdentityRule::Row => {
            language.of("row: each is a property", "fila: cada una es una vivienda")
        }
    }
}

/// What the gate would decide beside the model in production.
fn beside(language: Language, against: &Against) -> Markup {
    let decided = match against.decision {
        Decision::Train => language.of(
            "models would be trained on this batch.",
            "se entrenarían modelos con este lote.",
        ),
        Decision::Skip => language.of("this batch would be skipped.", "este lote se omitiría."),
        Decision::Hold => language.of(
            "this batch would be held until you decide.",
            "este lote se retendría hasta que usted decida.",
        ),
    };
    html! {
        div.card #judged {
            h2 { (language.of("The gate's decision", "La decisión sobre el lote")) }
            p {
                (language.of("Compared with version", "Frente a la versión")) " " (against.version) ", "
                (language.of("which is in production,", "que está en producción,")) " " strong { (decided) }
            }
            ul.reasons { @for reason in &against.reasons { li { (language.reason(reason)) } } }
            @if !against.drift.is_empty() {
                dl.facts {
                    dt { (language.of("Drift (PSI)", "Deriva (PSI)")) }
                    dd {
                        @for (number, (column, psi)) in against.drift.iter().enumerate() {
                            @if number > 0 { ", " }
                            (language.column(column)) " " (language.number(*psi, 2))
                        }
                    }
                }
            }
        }
    }
}

/// The mapping, and the button that lets models learn from the file.
fn decide(language: Language, digest: &Digest, upload: &Upload) -> Markup {
    let is_usable = match &upload.found {
        Found::Checked(checked) => checked.quality.usable(),
        Found::Unreadable(_) => false,
    };
    let proposal = upload.proposal();
    html! {
        @if is_usable || proposal.is_some() {
            div.card #decide {
                form method="post" action=(format!("page/checks/{digest}/learn")) {
                    @if let Some(place) = &upload.declared {
                        p { (language.of("Read by the schema at", "Leído con el esquema de")) " " code { (place) } "." }
                    }
                    @if let Some(text) = &proposal {
                        p {
                            (language.of(
                                "The mapping is kept as tasador.toml when models learn from the file, and later files are read by it.",
                                "La correspondencia se guarda como tasador.toml cuando los modelos aprenden del archivo, y los archivos posteriores se leen con ella.",
                            ))
                        }
                        details open[!is_usable] {
                            summary { (language.of("The proposed mapping", "La correspondencia propuesta")) }
                            div.field {
                                label for="schema" { "tasador.toml" }
                                textarea #schema name="schema" spellcheck="false" autocapitalize="off" rows="14" { (text) }
                            }
                            div.actions {
                                button.button.second type="submit" formaction=(format!("page/checks/{digest}")) {
                                    (language.of("Check again with this mapping", "Revisar otra vez con esta correspondencia"))
                                }
                            }
                        }
                    }
                    @if is_usable {
                        div.actions {
                            button.button type="submit" { (language.of("Learn from this file", "Aprender de este archivo")) }
                        }
                    }
                }
            }
        }
    }
}

/// Keeps the mapping, unless a schema is declared, and starts a run on the file.
pub(crate) async fn learn(
    State(site): State<Site>,
    Path(check): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let language = Language::wanted(None, &headers);
    let message = |status, title: &str, hint: &str| {
        let page = layout::message(language, title, hint);
        (status, crate::html(language, page)).into_response()
    };
    let words = language.words();
    let unknown = || message(StatusCode::NOT_FOUND, words.not_found, words.not_found_hint);
    let unavailable = || {
        message(
            StatusCode::SERVICE_UNAVAILABLE,
            words.unavailable,
            words.unavailable_hint,
        )
    };
    let ctx = site.pricing.context();
    let Ok(digest) = check.parse::<Digest>() else {
        return unknown();
    };
    let upload: Upload = match ctx.lake.get_json(&key::check(&digest)).await {
        Err(LakeError::NotFound { .. }) => return unknown(),
        found => match log_failure("an uploaded file", found) {
            Some(upload) => upload,
            None => return unavailable(),
        },
    };
    let sent = form_urlencoded::parse(&body).find(|(name, _)| name == "schema");
    let mapping = sent.map(|(_, text)| text.into_owned());
    let declared = match schema::current(ctx).await {
        Ok(None) => match mapping.or_else(|| upload.proposal()) {
            Some(mapping) => schema::declare(ctx, &mapping).await,
            None => Ok(()),
        },
        Ok(Some(_)) => Ok(()),
        Err(error) => Err(error),
    };
    match declared {
        Ok(()) => {}
        Err(SchemaError::Lake(error)) if !matches!(error, LakeError::AlreadyExists { .. }) => {
            tracing::error!("a mapping cannot be kept: {}", chain(&error));
            return unavailable();
        }
        Err(error) => {
            let title = language.of(
                "This mapping cannot be used",
                "Esta correspondencia no se puede usar",
            );
            let why = match &error {
                SchemaError::Lake(_) => language
                    .of(
                        "Another schema was declared meanwhile. Check the file again.",
                        "Entre tanto se declaró otro esquema. Revise el archivo otra vez.",
                    )
                    .to_owned(),
                error => chain(error).to_string(),
            };
            return message(StatusCode::CONFLICT, title, &why);
        }
    }
    let input = json!({"object": {"bucket": ctx.lake.bucket(), "key": upload.key}});
    let started = match ctx.config.state_machine.as_deref() {
        Some(machine) => runs::start(ctx, machine, &input).await.is_ok(),
        None => false,
    };
    match started {
        true => (
            StatusCode::SEE_OTHER,
            [(header::LOCATION, "../../../?section=history")],
        )
            .into_response(),
        false => unavailable(),
    }
}
