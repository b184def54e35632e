//! The page's fixed texts, in both languages side by side: one that lacks a language does not compile.

macro_rules! words {
    ($($name:ident: $english:literal, $spanish:literal;)*) => {
        /// The fixed texts of one language.
        pub(crate) struct Words {
            $(pub(crate) $name: &'static str,)*
        }

        pub(crate) static ENGLISH: Words = Words { $($name: $english,)* };
        pub(crate) static SPANISH: Words = Words { $($name: $spanish,)* };
    };
}

words! {
    tagline: "What is this house worth?", "¿Cuánto vale esta casa?";
    skip: "Skip to the content", "Ir al contenido";
    sections: "Sections", "Secciones";
    language: "Language", "Idioma";
    appraise: "Appraise", "Tasar";
    history: "History", "Historial";
    models: "Models", "Modelos";
    performance: "Performance", "Desempeño";
    data: "Data", "Datos";
    operations: "Operations", "Operación";
    logged_runs: "Runs logged by people", "Ejecuciones registradas por personas";
    logged_runs_lead: "Experiments that were logged with MLflow clients.",
        "Experimentos registrados con clientes de MLflow.";
    experiment: "Experiment", "Experimento";
    utc: "All times are UTC.", "Todas las horas son UTC.";
    api: "The same figures for programs:", "Las mismas cifras para programas:";

    sign_in_title: "Sign in", "Iniciar sesión";
    sign_in: "Sign in", "Entrar";
    sign_out: "Sign out", "Salir";
    sign_in_lead: "This page requires a token. Its administrator creates one with",
        "Esta página pide un token. Quien la administra crea uno con";
    token: "Token", "Token";
    token_hint: "It begins with tsd_ and is kept in this browser for twelve hours, or until you sign out.",
        "Empieza con tsd_ y se guarda en este navegador doce horas, o hasta que salga.";
    token_refused: "This token is invalid, expired or revoked.",
        "Este token no es válido, venció o fue revocado.";
    cookie_lost: "The token is valid, but the browser did not keep it. Open this page over https and allow its cookie.",
        "El token es válido, pero el navegador no lo guardó. Abra esta página por https y permita su cookie.";
    not_allowed: "Your token does not allow this", "Su token no permite esto";
    not_allowed_hint: "Sign out, and sign in with one that does.", "Salga y entre con uno que lo permita.";

    appraise_lead: "Enter what you know about a home. Tasador estimates its price from the sales it has learned from, and shows the likely range and what the price depends on.",
        "Ingrese lo que sepa de una vivienda. Tasador estima su precio con las ventas de las que ha aprendido, y muestra el rango probable y de qué depende el precio.";
    the_home: "The home", "La vivienda";
    more_details: "More details", "Más detalles";
    optional: "Leave empty what you do not know.", "Deje vacío lo que no sepa.";
    appraise_now: "Appraise this home", "Tasar esta vivienda";
    start_over: "Start over", "Empezar de nuevo";
    no_price_yet: "No price yet", "Aún no hay precio";
    no_price_hint: "The form shows a typical home. Change what you know, then select “Appraise this home”.",
        "El formulario muestra una vivienda típica. Cambie lo que sepa y elija «Tasar esta vivienda».";
    sale_price: "Sale price: what a buyer pays.", "Precio de venta: lo que paga quien compra.";
    asking_price: "Asking price: what a seller asks.", "Precio pedido: lo que pide quien vende.";
    estimated_price: "Estimated price", "Precio estimado";
    range_label: "Likely range", "Rango probable";
    confidence: "Confidence", "Confianza";
    check_these: "Please check", "Por favor, revise";
    why: "Why this price", "Por qué este precio";
    why_hint: "Starting from the average home, each feature moves the price up or down.",
        "Partiendo de la vivienda media, cada característica sube o baja el precio.";
    average_home: "Average home", "Vivienda media";
    this_home: "This home", "Esta vivienda";
    raises: "raises the price", "sube el precio";
    lowers: "lowers the price", "baja el precio";
    all_figures: "All figures as a table", "Todas las cifras en una tabla";
    feature: "Feature", "Característica";
    value: "Value", "Valor";
    effect: "Effect on the price", "Efecto en el precio";
    fields_left_empty: "Fields left empty", "Campos sin rellenar";
    what_if: "What if …?", "¿Y si …?";
    what_if_hint: "Move a slider and see what the price would be.",
        "Mueva un control y vea cuál sería el precio.";
    show_price: "Show the price", "Ver el precio";
    compared: "compared with what you entered", "respecto de lo que ingresó";
    ignored: "Not used by this model:", "Este modelo no usa:";
    request: "Request", "Solicitud";
    cannot_price: "This home could not be priced", "No se pudo tasar esta vivienda";
    no_model: "No model is in production yet", "Aún no hay un modelo en producción";
    no_model_hint: "The first batch of listings trains one. Then the form for a home appears here.",
        "El primer lote de anuncios entrenará uno. Entonces aparecerá aquí el formulario de la vivienda.";

    history_lead: "Every batch of listings that arrived, what was decided about it, and why.",
        "Cada lote de anuncios que llegó, qué se decidió sobre él y por qué.";
    when: "When", "Cuándo";
    batch: "Batch", "Lote";
    decision: "Decision", "Decisión";
    all_decisions: "All decisions", "Todas las decisiones";
    search: "Search", "Buscar";
    search_history: "Batch, file, id or text", "Lote, archivo, identificador o texto";
    show_all: "Show all", "Ver todo";
    no_match: "No run matches.", "Ninguna ejecución coincide.";
    as_csv: "CSV", "CSV";
    what_happened: "What happened", "Qué pasó";
    promoted: "Promoted", "Promovido";
    kept_current: "Kept current model", "Se mantuvo el modelo";
    skipped: "Skipped", "Omitido";
    quarantined: "Quarantined", "En cuarentena";
    withdrawn: "Withdrawn", "Retirado";
    failed: "Failed", "Fallido";
    nothing_new: "Nothing new", "Sin novedades";
    details: "Details", "Detalles";
    reasons: "Reasons", "Razones";
    why_trained: "Why it trained", "Por qué entrenó";
    why_not_adopted: "Why it was not adopted", "Por qué no se adoptó";
    comparison: "On the same homes", "En las mismas viviendas";
    challenger: "Challenger", "Aspirante";
    champion: "Champion", "Campeón";
    change: "Change", "Cambio";
    arrived: "Arrived", "Llegó";
    period: "Period of the data", "Período de los datos";
    rejected_for: "Rejected rows", "Filas rechazadas";
    download: "Download", "Descargar";
    release: "Release", "Admitir";
    discard: "Discard", "Descartar";
    withdraw: "Withdraw", "Retirar";
    release_consequence: "A run judges the batch again as if it were sound, and may learn from it.",
        "Una ejecución vuelve a evaluar el lote como si fuera correcto y puede aprender de él.";
    discard_consequence: "No dataset will contain its rows. You can release it later.",
        "Ningún conjunto de datos contendrá sus filas. Puede admitirlo más adelante.";
    withdraw_consequence: "Later datasets will not contain its rows. If the version in production learned from them, a run replaces it.",
        "Los conjuntos de datos posteriores no contendrán sus filas. Si la versión en producción aprendió de ellas, una ejecución la reemplaza.";
    released_by: "Released by", "Admitido por";
    discarded_by: "Discarded by", "Descartado por";
    withdrawn_by: "Withdrawn by", "Retirado por";
    learned_from_withdrawn: "Learned from withdrawn data", "Aprendió de datos retirados";
    properties_withdrawn: "Properties withdrawn since this version was trained", "Viviendas retiradas desde que se entrenó esta versión";
    cannot_be_decided: "Another decision was taken meanwhile, or a run is working on the batch. Reload the page and check it.",
        "Mientras tanto se tomó otra decisión, o una ejecución está procesando el lote. Recargue la página y revísela.";
    rows: "Rows", "Filas";
    run: "Run", "Ejecución";
    dataset: "Dataset", "Conjunto de datos";
    schema: "Schema", "Esquema";
    schema_default: "default", "predeterminado";
    took: "Took", "Duró";
    source: "Source", "Fuente";
    promotion: "Promotion", "Promoción";
    older: "Older", "Anteriores";
    newest: "Newest", "Más recientes";
    no_run: "No run at the moment", "Ninguna ejecución en este momento";
    next_run: "Next run", "Próxima ejecución";
    run_now: "Run now", "Ejecutar ahora";
    starting: "Starting", "Iniciando";
    candidates: "Candidates", "Candidatos";
    steps: "Steps", "Pasos";
    step: "Step", "Paso";
    still_running: "This run has not ended yet.", "Esta ejecución aún no ha terminado.";
    left_no_outcome: "This run ended without an outcome.", "Esta ejecución terminó sin resultado.";
    size: "Size", "Tamaño";
    identifier: "Id", "Id";
    notices: "Notices", "Avisos";
    recognised: "What was recognised", "Lo que se reconoció";
    batch_waits: "A run is working on this batch, or the next one will.",
        "Una ejecución está procesando este lote, o la próxima lo hará.";
    batches: "Batches", "Lotes";
    decided_by_people: "Decisions by people", "Decisiones de personas";
    learned_from_batch: "Versions that learned from it", "Versiones que aprendieron de él";
    learned_from_dataset: "Versions that learned from it", "Versiones que aprendieron de estos datos";
    learned_from_batch_none: "None of the latest versions did.", "Ninguna de las últimas versiones.";
    request_gone: "No request with this id is in the log. The log moves requests to the archive after some weeks.",
        "Ninguna solicitud con este identificador está en la bitácora, que archiva las solicitudes al cabo de unas semanas.";
    no_history: "Nothing has arrived yet", "Aún no ha llegado nada";
    no_history_hint: "Each batch appears here with its decision when its run has ended.",
        "Cada lote aparece aquí con su decisión cuando termina su ejecución.";

    models_lead: "The model in production, its accuracy, and earlier versions.",
        "El modelo en producción, su precisión y las versiones anteriores.";
    in_production: "In production", "En producción";
    was_in_production: "Was in production", "Estuvo en producción";
    candidate: "Not used", "No usado";
    unfinished: "Unfinished", "Inconcluso";
    since: "since", "desde";
    average_error: "Average error", "Error promedio";
    average_error_hint: "average difference from the real price",
        "diferencia media con el precio real";
    typical_error: "Median error", "Error mediano";
    typical_error_hint: "half of the estimates have a smaller error",
        "la mitad de las estimaciones tiene un error menor";
    explained: "Variance explained", "Varianza explicada";
    explained_hint: "of the price differences between homes (R²)",
        "de las diferencias de precio entre viviendas (R²)";
    honest_range: "Range coverage", "Cobertura del rango";
    honest_range_hint: "of real prices are within the likely range",
        "de los precios reales está dentro del rango probable";
    learnt_from: "Learned from", "Aprendió de";
    homes: "homes", "viviendas";
    error_over_time: "Average error of each version", "Error promedio de cada versión";
    error_over_time_hint: "Lower is better. Filled points were in production.",
        "Menos es mejor. Los puntos rellenos estuvieron en producción.";
    version: "Version", "Versión";
    versions: "Versions", "Versiones";
    algorithm: "Algorithm", "Algoritmo";
    trained: "Trained", "Entrenado";
    status: "Status", "Estado";
    action: "Action", "Acción";
    evidence: "Evidence", "Evidencia";
    evidence_of: "Evidence of version", "Evidencia de la versión";
    no_evidence: "This version has no plots and no files.",
        "Esta versión no tiene gráficos ni archivos.";
    figures: "Figures", "Cifras";
    importance: "Feature importance", "Importancia de las características";
    importance_hint: "How much the average error rises if the values of the feature are shuffled.",
        "Cuánto sube el error promedio si se mezclan los valores de la característica.";
    by_price: "Accuracy by price", "Precisión según el precio";
    by_state: "Accuracy by state", "Precisión según el estado";
    files: "Files", "Archivos";
    ratio_study: "Ratio study", "Estudio de razones";
    ratio_study_hint: "Estimated price divided by sale price. Each sale is priced by a model that never saw its property. Ranges: IAAO, Standard on Ratio Studies.",
        "Precio estimado dividido por el precio de venta. Cada venta la tasa un modelo que nunca vio esa propiedad. Rangos: IAAO, Standard on Ratio Studies.";
    ratio_left_out: "homes that are not sold are left out.", "viviendas no vendidas quedan fuera.";
    ratio_of_asking_prices: "The dataset has no sales: these are asking prices, and say nothing of sale prices.",
        "Los datos no tienen ventas: son precios pedidos y no dicen nada de los precios de venta.";
    ratio_of_unknown_prices: "No home has a status, so every price counts as a sale price.",
        "Ninguna vivienda tiene estado, así que cada precio cuenta como precio de venta.";
    ratio_study_none: "The dataset has fewer than two sales, so there is no ratio study.",
        "Los datos tienen menos de dos ventas, así que no hay estudio de razones.";
    ratio_by_price: "By sale price", "Según el precio de venta";
    ratio_by_state: "By state", "Según el estado";
    ratio_by_zip_code: "By zip code", "Según el código postal";
    ratio_by_property_type: "By type of property", "Según el tipo de propiedad";
    sales: "sales", "ventas";
    without_outliers: "Without outliers", "Sin valores atípicos";
    interval_95: "95% interval", "Intervalo del 95 %";
    standard_range: "Range", "Rango";
    result: "Result", "Resultado";
    pass: "Pass", "Cumple";
    fail: "Fail", "No cumple";
    median_ratio: "Median ratio", "Mediana de la razón";
    within_5: "Within 5%", "A menos del 5 %";
    within_10: "Within 10%", "A menos del 10 %";
    within_20: "Within 20%", "A menos del 20 %";
    lineage: "Batches it learned from", "Lotes de los que aprendió";
    card: "Model card", "Ficha del modelo";
    plots: "Plots", "Gráficos";
    promote: "Promote", "Promover";
    roll_back: "Roll back", "Revertir";
    promote_title: "Put this version into production?", "¿Poner esta versión en producción?";
    replaces: "It replaces", "Reemplaza a la";
    lost_comparison: "The pipeline compared this version and did not promote it.",
        "El proceso comparó esta versión y no la promovió.";
    not_best_candidate: "Another candidate of the same run was better.",
        "Otro candidato de la misma ejecución fue mejor.";
    see_history: "The history has the reasons.", "El historial tiene las razones.";
    type_version: "Type the version number to confirm", "Escriba el número de la versión para confirmar";
    reason: "Reason", "Motivo";
    champion_changed: "Another version was promoted meanwhile. Reload the page and check it.",
        "Mientras tanto se promovió otra versión. Recargue la página y revísela.";
    cannot_be_moved: "This version can't go into production. Reload the page to see why.",
        "Esta versión no puede pasar a producción. Recargue la página para ver por qué.";
    confirm: "Confirm", "Confirmar";
    cancel: "Cancel", "Cancelar";
    needs_script: "Changing the model in production needs JavaScript, or the API.",
        "Cambiar el modelo en producción requiere JavaScript, o la API.";
    proposed_rollback: "Proposed: back to version", "Propuesta: volver a la versión";
    see_proposed_rollback: "A rollback is proposed.", "Se propone volver a una versión anterior.";
    moves: "Changes in production", "Cambios en producción";
    no_models: "No model has been trained yet", "Aún no se ha entrenado ningún modelo";
    no_models_hint: "Models appear here after the first batch.",
        "Los modelos aparecerán aquí tras el primer lote.";

    performance_lead: "The prices that were given, compared with the prices at which the homes were sold later.",
        "Los precios que se dieron, comparados con los precios a los que se vendieron después las viviendas.";
    no_sales: "No priced home has been sold yet", "Aún no se ha vendido ninguna vivienda tasada";
    no_sales_hint: "When a home that was priced is sold, and Tasador learns of the sale, the accuracy of the served prices appears here.",
        "Cuando se venda una vivienda tasada y Tasador conozca la venta, aparecerá aquí la precisión de los precios servidos.";
    how_sales_arrive: "How sales reach Tasador", "Cómo llegan las ventas a Tasador";
    sales_by_request: "one or many sales, each with its price, its date, and the id of the answered request or the address.",
        "una o varias ventas, cada una con su precio, su fecha y el identificador de la solicitud respondida o la dirección.";
    sales_by_file: "a file in this folder of the bucket, as CSV, JSON or lines of JSON, with the same fields.",
        "un archivo en esta carpeta del bucket, en CSV, JSON o líneas de JSON, con los mismos campos.";
    sales_by_batch: "a row of a later batch, with the price and the day of the sale.",
        "una fila de un lote posterior, con el precio y el día de la venta.";
    sales_counted: "A sale is compared with the last price that was served before it, within an hour or two. A version that learned from the sale is not evaluated by it.",
        "Una venta se compara con el último precio servido antes de ella, en una o dos horas. No evalúa a una versión que aprendió de esa venta.";
    asking_prices_left_out: "sales are left out because an asking price was served for them.",
        "ventas quedan fuera porque se dio para ellas un precio pedido.";
    asking_prices_counted: "sales had an asking price served. They are counted until sale prices were served for 20 others.",
        "ventas tuvieron un precio pedido. Se cuentan hasta que se den precios de venta para otras 20.";
    served_by_version: "By version", "Según la versión";
    served_by_month: "By month of the sale", "Según el mes de la venta";
    served_ratio_hint: "Served price divided by sale price, for the newest version. Ranges: IAAO, Standard on Ratio Studies.",
        "Precio servido dividido por el precio de venta, para la versión más reciente. Rangos: IAAO, Standard on Ratio Studies.";
    month: "Month", "Mes";
    expected_error: "Expected", "Esperado";
    bias: "Bias", "Sesgo";
    bias_high: "on average, prices were too high", "en promedio, los precios eran altos";
    bias_low: "on average, prices were too low", "en promedio, los precios eran bajos";
    bias_none: "on average, prices were right", "en promedio, los precios eran correctos";
    within_hint: "of served prices", "de los precios servidos";
    computed: "Computed", "Calculado";

    data_lead: "The data of each batch: rows, missing values, and drift from the data that the model in production learned from.",
        "Los datos de cada lote: filas, valores ausentes y deriva respecto de los datos de los que aprendió el modelo en producción.";
    rows_per_batch: "Rows of each batch", "Filas de cada lote";
    rows_clean: "usable", "útiles";
    rows_rejected: "rejected", "rechazadas";
    rows_duplicate: "duplicates", "duplicadas";
    missing_values: "Missing values of each batch", "Valores ausentes en cada lote";
    missing_hint: "Share of empty cells over all columns.", "Proporción de celdas vacías en todas las columnas.";
    drift: "Drift", "Deriva";
    drift_hint: "How far each column of the newest batch is from what the version in production learned. “Values” is the PSI of the values that are there; “filled” is the share of rows that have one.",
        "Cuánto se aleja cada columna del lote más reciente de lo que aprendió la versión en producción. «Valores» es el PSI de los valores presentes; «con dato», la proporción de filas que tienen uno.";
    drift_steady: "as learned", "como se aprendió";
    drift_amber: "shifted", "cambió";
    drift_red: "shifted far", "cambió mucho";
    drift_few_rows: "The newest batch has too few rows to judge its drift.",
        "El lote más reciente tiene muy pocas filas para juzgar su deriva.";
    drift_both: "Both (gate)", "Ambos (control)";
    values_shifted: "Values", "Valores";
    filled: "Filled", "Con dato";
    learned_from_values: "learned from", "lo aprendido";
    newest_batch: "newest batch", "lote más reciente";
    more_columns: "More columns", "Más columnas";
    others: "others", "otros";
    no_data: "No batch has been cleaned yet", "Aún no se ha limpiado ningún lote";
    no_data_hint: "After the first batch, its rows and their quality appear here.",
        "Tras el primer lote aparecerán aquí sus filas y su calidad.";
    drift_none: "Nothing to compare with yet.", "Aún no hay con qué comparar.";

    operations_lead: "The state of the service: runs, requests, errors and response times.",
        "El estado del servicio: ejecuciones, solicitudes, errores y tiempos de respuesta.";
    requests: "Requests", "Solicitudes";
    errors: "Errors", "Errores";
    latency: "50% of responses", "50 % de las respuestas";
    latency_slow: "99% of responses", "99 % de las respuestas";
    latency_spread: "Response times", "Tiempos de respuesta";
    latency_spread_hint: "Responses by their duration.", "Respuestas según su duración.";
    answers_by_status: "Responses by status", "Respuestas por estado";
    meaning: "Meaning", "Significado";
    priced: "Homes priced", "Viviendas tasadas";
    log_failures: "Records missing in the log", "Registros que faltan en la bitácora";
    last_run: "Last run", "Última ejecución";
    no_run_yet: "No run has ended yet.", "Aún no ha terminado ninguna ejecución.";
    last_run_failed: "Prices are served. The last run failed.", "Se sirven precios. La última ejecución falló.";
    over_time: "Requests per hour", "Solicitudes por hora";
    over_time_hint: "The last 24 hours, UTC.", "Las últimas 24 horas, UTC.";
    over_time_none: "No requests in the last 24 hours.", "Ninguna solicitud en las últimas 24 horas.";
    answered: "answered", "respondidas";
    with_error: "errors", "errores";
    decisions: "Decisions of the pipeline", "Decisiones del proceso";
    decisions_hint: "The outcomes of all runs.", "Los resultados de todas las ejecuciones.";
    healthy: "Everything works", "Todo funciona";
    degraded: "Working, with a problem", "Funciona, con un problema";
    no_requests: "No requests yet", "Aún no hay solicitudes";
    no_requests_hint: "Appraise a home, or send one to the API, and its figures appear here.",
        "Tase una vivienda, o envíe una a la API, y sus cifras aparecerán aquí.";
    counted_since: "Since the service was set up, over all of its instances.",
        "Desde que se instaló el servicio, en todas sus instancias.";

    unavailable: "This can't be shown right now", "Esto no se puede mostrar ahora";
    unavailable_hint: "The storage does not answer. Reload the page in a moment.",
        "El almacenamiento no responde. Recargue la página en un momento.";
    not_found: "There is no such page", "Esa página no existe";
    not_found_hint: "Check the address, or go to the start page.",
        "Revise la dirección o vaya a la página de inicio.";
}
