//! Spanish, as it is spoken in Latin America.

use tasador_ids::{AreaUnit, ModelVersion};

use crate::facts::{OutcomeKind, Rows};
use crate::language::Language::Spanish;
use crate::outcome::Outcome;
use crate::reason::{Compared, Reason, UnitFactor, ValueKind};

/// The first part of the sentence about a run, and what follows after a colon.
pub(super) fn outcome(outcome: &Outcome, why: Option<String>) -> (String, Option<String>) {
    match outcome.kind {
        OutcomeKind::Promoted => (promoted(outcome), None),
        OutcomeKind::Rejected => match &outcome.challenger {
            Some(new) => (
                format!(
                    "la versión {} se entrenó, pero no pasó a producción",
                    new.version
                ),
                why,
            ),
            None => ("no hay ningún modelo nuevo utilizable".to_owned(), why),
        },
        OutcomeKind::Skipped => ("no se entrenó nada".to_owned(), why),
        OutcomeKind::Quarantined => (
            "el lote está en cuarentena hasta que alguien lo admita o lo descarte".to_owned(),
            why,
        ),
        OutcomeKind::Withdrawn => ("el lote se retiró".to_owned(), why),
        OutcomeKind::NothingNew => match why {
            None => ("la fuente no tiene nada nuevo".to_owned(), None),
            why => (String::new(), why),
        },
        OutcomeKind::Failed => {
            let step = outcome.error.as_ref().and_then(|error| error.step);
            let lead = match step {
                Some(step) => format!("la ejecución falló en {step:?}"),
                None => "la ejecución falló".to_owned(),
            };
            let error = outcome.error.as_ref().map(|error| error.message.clone());
            (lead, error)
        }
    }
}

fn promoted(outcome: &Outcome) -> String {
    let Some(new) = &outcome.challenger else {
        return "una versión nueva está en producción".to_owned();
    };
    let lead = format!("la versión {} pasó a producción", new.version);
    let Some(mae) = new.metrics.get("mae") else {
        return lead;
    };
    let error = Spanish.money(mae);
    if let Some(withdrawn) = outcome.replaced_withdrawn() {
        return format!("{lead}: error promedio de {error}; {}", reason(withdrawn));
    }
    match (&outcome.champion, outcome.mae_change()) {
        (Some(old), Some(change)) => format!(
            "{lead}: error promedio de {error}, un {} menor que el de la versión {}",
            Spanish.percent(-change),
            old.version
        ),
        (Some(old), None) => format!(
            "{lead}: error promedio de {error}; la versión {} no se pudo cargar",
            old.version
        ),
        (None, _) => format!("{lead}, la primera: error promedio de {error}"),
    }
}

pub(super) fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Exhausted => "la fuente no tiene más datos".to_owned(),
        Reason::Empty => "la fuente respondió sin filas".to_owned(),
        Reason::InProgress { run } => {
            format!("la fuente no ha cambiado y la ejecución {run} está procesando su lote")
        }
        Reason::Unchanged { batch } => format!(
            "la fuente no ha cambiado desde el lote {}; para procesarlo de nuevo, indíquelo en la entrada",
            batch.short()
        ),
        Reason::AlreadyProcessed => "este lote ya se había procesado".to_owned(),
        Reason::TooFewRows { compared, rows } => format!(
            "el lote tiene solo {} {}; se necesitan al menos {}{}",
            count(compared.measured),
            if compared.measured == 1.0 {
                "fila útil"
            } else {
                "filas útiles"
            },
            count(compared.limit),
            rows.map(account).unwrap_or_default()
        ),
        Reason::TooFewPrices(Compared {
            measured, limit, ..
        }) => {
            let limit = count(*limit);
            if *measured == 1.0 {
                format!(
                    "todos los precios son iguales; se necesitan al menos {limit} precios distintos"
                )
            } else {
                let prices = count(*measured);
                format!(
                    "el lote tiene solo {prices} precios distintos; se necesitan al menos {limit}"
                )
            }
        }
        Reason::TooManyNulls(compared) => {
            let (measured, limit) = shares(compared);
            format!("falta el {measured} de los valores; se admite como máximo el {limit}")
        }
        Reason::TooManyRejects { compared, why } => {
            let (measured, limit) = shares(compared);
            let why = why.as_ref();
            let why = why.map(|why| format!(" (razón más frecuente: {why})"));
            format!(
                "se rechazó el {measured} de las filas; se admite como máximo el {limit}{}",
                why.unwrap_or_default()
            )
        }
        Reason::SchemaUnusable { why, .. } => why.clone(),
        Reason::ScaleOff {
            column,
            compared,
            lower,
            suspected,
        } => format!(
            "la mediana de «{column}» es {} veces {} que en los datos con los que aprendió {} (se admiten como máximo {} veces); {}",
            Spanish.number(compared.measured, 1),
            if *lower { "menor" } else { "mayor" },
            champion(compared.version),
            Spanish.number(compared.limit, 1),
            match suspected {
                Some(unit) => format!(
                    "factor probable: {} ({})",
                    Spanish.number(unit.value(), 3),
                    unit_factor(*unit)
                ),
                None =>
                    "ninguna unidad común lo explica, así que pueden ser otro tipo de viviendas"
                        .to_owned(),
            }
        ),
        Reason::ColumnLost {
            column,
            compared,
            unreadable,
        } => {
            let (measured, limit) = shares(compared);
            let unreadable = match unreadable {
                0 => String::new(),
                values => format!("; {} valores no se pudieron leer", Spanish.count(*values)),
            };
            format!(
                "falta el {measured} de los valores de «{column}» con los que aprendió {}; se admite como máximo el {limit}{unreadable}",
                champion(compared.version)
            )
        }
        Reason::ColumnUnreadable { column, compared } => {
            let (measured, limit) = shares(compared);
            format!(
                "el {measured} de los valores de «{column}» no se pudo leer; se admite como máximo el {limit}"
            )
        }
        Reason::KindChanged {
            column,
            compared,
            was,
            is,
        } => format!(
            "«{column}» contiene {} en el {} de las filas; {} aprendió de {}",
            values(*is),
            Spanish.percent(compared.measured),
            champion(compared.version),
            values(*was)
        ),
        Reason::OtherPopulation {
            column,
            compared,
            lower,
        } => {
            let (measured, limit) = shares(compared);
            format!(
                "el {measured} de los valores de «{column}» es demasiado {} para los datos con los que aprendió {}; se admite como máximo el {limit}{}",
                if *lower { "bajo" } else { "alto" },
                champion(compared.version),
                if *lower && column == "price" {
                    "; pueden ser alquileres"
                } else {
                    ""
                }
            )
        }
        Reason::ExtremeDrift { column, compared } => format!(
            "«{column}» casi no tiene nada en común con los datos con los que aprendió {} (PSI {}, límite {}); puede tener otra unidad o tratarse de otro tipo de viviendas",
            champion(compared.version),
            psi(compared.measured),
            psi(compared.limit)
        ),
        Reason::NewPopulation {
            column,
            compared,
            values,
        } => {
            let (measured, limit) = shares(compared);
            format!(
                "el {measured} de los valores de «{column}» es nuevo para {} ({}); se admite como máximo el {limit}, así que puede tratarse de otro tipo de viviendas",
                champion(compared.version),
                values.join(", ")
            )
        }
        Reason::PriceImplausible {
            compared,
            lower,
            currency,
            area,
            suspected,
            ..
        } => {
            let amount = |amount| {
                let unit = area.map_or("", |unit| match unit {
                    AreaUnit::Ft2 => " por ft²",
                    AreaUnit::M2 => " por m²",
                });
                format!("{}{unit}", Spanish.money_in(*currency, amount))
            };
            format!(
                "el precio mediano es {}, y las viviendas cuestan como {} {}; {}",
                amount(compared.measured),
                if *lower { "mínimo" } else { "máximo" },
                amount(compared.limit),
                match suspected {
                    Some(unit) => format!(
                        "factor probable: {} ({}); admita el lote si los precios son correctos; si no, descártelo y envíe los precios completos",
                        Spanish.number(unit.value(), 3),
                        unit_factor(*unit)
                    ),
                    None if *lower =>
                        "pueden ser alquileres mensuales; admita el lote si los precios son correctos; si no, descártelo"
                            .to_owned(),
                    None => format!("pueden estar en otra moneda que {currency} (TASADOR_CURRENCY)"),
                }
            )
        }
        Reason::SourceColumnChanged { column, was, is } => format!(
            "«{column}» se lee de la columna «{is}»: el lote no tiene valores en «{was}», de la que lo leyeron los lotes anteriores"
        ),
        Reason::ColumnsAbsent { columns } => format!(
            "al lote {} {}",
            if columns.len() == 1 {
                "le falta la columna"
            } else {
                "le faltan las columnas"
            },
            quoted(columns)
        ),
        Reason::NothingReadable { column, values } => format!(
            "no se pudo leer ninguno de los {} valores de «{column}»",
            Spanish.count(*values)
        ),
        Reason::Withdrawn { by, why } => {
            let why = why.as_ref().map(|why| format!(" ({why})"));
            format!(
                "{by} retiró el lote{}; admítalo para volver a usarlo",
                why.unwrap_or_default()
            )
        }
        Reason::LearnedFromWithdrawn {
            version,
            batches,
            properties,
        } => format!(
            "la versión {version} aprendió de {} que se retiraron después",
            withdrawn(*batches, *properties)
        ),
        Reason::NoChampion => "todavía no hay un modelo en producción".to_owned(),
        Reason::ChampionUnloadable { version, why } => {
            format!("la versión {version}, que está en producción, no se puede cargar: {why}")
        }
        Reason::ChampionUnusable { why } => {
            format!("el modelo en producción no se puede cargar: {why}")
        }
        Reason::VolumeGrown { compared, rows } => {
            let rows = rows.map(|(before, now)| {
                format!(
                    " ({} filas en lugar de {})",
                    Spanish.count(now),
                    Spanish.count(before)
                )
            });
            format!(
                "hay un {} más de datos que los que usó {} para aprender{}",
                Spanish.percent(compared.measured),
                champion(compared.version),
                rows.unwrap_or_default()
            )
        }
        Reason::ErrorGrown { compared, errors } => {
            let errors = errors.map(|(before, now)| {
                let (before, now) = (Spanish.percent(before), Spanish.percent(now));
                format!(" ({now}; {before} en la validación)")
            });
            format!(
                "el error mediano {} es un {} mayor en este lote{}",
                of_champion(compared.version),
                Spanish.percent(compared.measured),
                errors.unwrap_or_default()
            )
        }
        Reason::ServedErrorGrown {
            compared,
            sales,
            errors: (before, now),
        } => format!(
            "el error mediano de los precios {} es un {} mayor que en la validación ({}; {}), según {} ventas posteriores",
            of_champion(compared.version),
            Spanish.percent(compared.measured),
            Spanish.percent(*now),
            Spanish.percent(*before),
            Spanish.count(*sales)
        ),
        Reason::Drift { column, compared } => format!(
            "«{column}» se ha alejado de los datos con los que aprendió {} (PSI {}, límite {})",
            champion(compared.version),
            psi(compared.measured),
            psi(compared.limit)
        ),
        Reason::NewCategories { column, compared } => {
            let (measured, limit) = shares(compared);
            let champion = champion(compared.version);
            format!(
                "el {measured} de las filas tiene un valor de «{column}» que {champion} no conoce; se admite como máximo el {limit}"
            )
        }
        Reason::ColumnNew { column, compared } => format!(
            "«{column}» es una columna que {} no conoce; el {} de las filas tiene un valor",
            champion(compared.version),
            Spanish.percent(compared.measured)
        ),
        Reason::NothingNewToLearn { version } => {
            format!("el lote no tiene nada nuevo para {}", champion(*version))
        }
        Reason::VolumeGrowth(compared) => {
            let (measured, limit) = shares(compared);
            format!("los datos crecieron un {measured}; se exige al menos un {limit}")
        }
        Reason::ErrorGrowth(compared) => format!(
            "el error mediano {} en este lote cambió un {}; se exige más de un {}",
            of_champion(compared.version),
            Spanish.percent_change(compared.measured),
            Spanish.percent(compared.limit)
        ),
        Reason::Psi { column, compared } => format!(
            "el PSI de «{column}» es {} (límite {})",
            psi(compared.measured),
            psi(compared.limit)
        ),
        Reason::NewCategoryShare { column, compared } => {
            let (measured, limit) = shares(compared);
            format!(
                "el {measured} de las filas tiene un valor nuevo de «{column}» (límite {limit})"
            )
        }
        Reason::Better(compared) => format!(
            "el error promedio es un {} menor en las mismas viviendas",
            Spanish.percent(-compared.measured)
        ),
        Reason::Identical => "es el mismo modelo que está en producción".to_owned(),
        Reason::MaeNotDownEnough(compared) => {
            let Compared {
                measured, limit, ..
            } = compared;
            let limit_text = Spanish.percent(-limit);
            if *measured > 0.0 {
                let measured = Spanish.percent(*measured);
                format!(
                    "el error promedio es un {measured} mayor; debe ser al menos un {limit_text} menor"
                )
            } else {
                let measured = Spanish.percent_beside(-measured, -limit);
                format!(
                    "el error promedio es solo un {measured} menor; se exige al menos un {limit_text}"
                )
            }
        }
        Reason::RmseUp(compared) => {
            let (measured, limit) = shares(compared);
            format!("el RMSE es un {measured} mayor; se admite como máximo un {limit}")
        }
        Reason::RmseMargin(Compared {
            measured, limit, ..
        }) => format!(
            "el RMSE cambió en {}; debe bajar más de {}",
            Spanish.money_change(-measured),
            Spanish.money(*limit)
        ),
        Reason::SegmentUp {
            column,
            name,
            homes,
            compared,
        } => {
            let (measured, limit) = shares(compared);
            format!(
                "el error promedio de las {} casas con {column} {name} es un {measured} mayor; se admite como máximo un {limit}",
                Spanish.count(*homes)
            )
        }
        Reason::RatioOutside {
            statistic,
            value,
            low,
            high,
        } => format!(
            "{statistic} del estudio de razones es {}; se exige de {} a {}",
            Spanish.number(*value, 3),
            Spanish.number(*low, 2),
            Spanish.number(*high, 2)
        ),
        Reason::MayBeChance(compared) => {
            let (measured, limit) = shares(compared);
            format!(
                "la mejora puede ser casualidad: mejor en el {measured} de los remuestreos, se exige el {limit}"
            )
        }
        Reason::HoldoutTooSmall(compared) => format!(
            "hay solo {} viviendas para comparar; se necesitan al menos {}",
            count(compared.measured),
            count(compared.limit)
        ),
        Reason::WorseThanMedian(compared) => format!(
            "el error promedio de {} no es menor que el de referencia (precio mediano), {}",
            Spanish.money(compared.measured),
            Spanish.money(compared.limit)
        ),
        Reason::WorseThanRecorded(compared) => format!(
            "el error promedio de {} no es menor que los {} registrados para la versión en producción",
            Spanish.money(compared.measured),
            Spanish.money(compared.limit)
        ),
        Reason::CandidateFailed { algorithm, why } => {
            format!("{algorithm} no se pudo entrenar: {why}")
        }
        Reason::CandidateUnusable { algorithm, version } => {
            format!("la versión {version} ({algorithm}) no se puede cargar")
        }
        Reason::NoCandidate => "no hay ningún algoritmo configurado".to_owned(),
        Reason::Other(other) => other.sentence.clone(),
    }
}

/// Where the rows of a batch went, if not all of them are usable.
fn account(rows: Rows) -> String {
    let mut parts = vec![format!("{} recibidas", Spanish.count(rows.raw))];
    for (count, what) in [
        (rows.rejected, "rechazadas"),
        (rows.duplicates, "duplicadas"),
    ] {
        if count > 0 {
            parts.push(format!("{} {what}", Spanish.count(count)));
        }
    }
    match parts.as_slice() {
        [_] => String::new(),
        parts => format!(" ({})", parts.join(", ")),
    }
}

fn quoted(columns: &[String]) -> String {
    let quoted: Vec<String> = columns.iter().map(|name| format!("«{name}»")).collect();
    quoted.join(", ")
}

fn champion(version: Option<ModelVersion>) -> String {
    match version {
        Some(version) => format!("la versión {version}"),
        None => "el modelo en producción".to_owned(),
    }
}

fn of_champion(version: Option<ModelVersion>) -> String {
    match version {
        Some(version) => format!("de la versión {version}"),
        None => "del modelo en producción".to_owned(),
    }
}

fn unit_factor(unit: UnitFactor) -> &'static str {
    match unit {
        UnitFactor::Thousand => "miles",
        UnitFactor::Million => "millones",
        UnitFactor::Hundred => "centavos o centenas",
        UnitFactor::Twelve => "por mes y por año",
        UnitFactor::SquareFeetInSquareMetre => "pies cuadrados y metros cuadrados",
        UnitFactor::SquareFeetInAcre => "pies cuadrados y acres",
        UnitFactor::SquareMetresInAcre => "metros cuadrados y acres",
    }
}

fn values(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Number => "números",
        ValueKind::Date => "fechas",
        ValueKind::Text => "texto",
    }
}

fn withdrawn(batches: u64, properties: u64) -> String {
    let batches = match batches {
        0 => None,
        1 => Some("1 lote".to_owned()),
        more => Some(format!("{} lotes", Spanish.count(more))),
    };
    let properties = match properties {
        0 => None,
        1 => Some("1 vivienda".to_owned()),
        more => Some(format!("{} viviendas", Spanish.count(more))),
    };
    let parts: Vec<String> = batches.into_iter().chain(properties).collect();
    parts.join(" y ")
}

fn shares(compared: &Compared) -> (String, String) {
    let Compared {
        measured, limit, ..
    } = compared;
    (
        Spanish.percent_beside(*measured, *limit),
        Spanish.percent(*limit),
    )
}

fn count(value: f64) -> String {
    Spanish.number(value, 0)
}

fn psi(value: f64) -> String {
    Spanish.number(value, 3)
}
