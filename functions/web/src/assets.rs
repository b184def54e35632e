//! The style sheet and the script.

use tasador_ids::Digest;

/// A file that the page brings along.
pub(crate) struct Asset {
    name: &'static str,
    extension: &'static str,
    pub(crate) media_type: &'static str,
    pub(crate) text: &'static str,
}

/// The style sheet.
pub(crate) static STYLE: Asset = Asset {
    name: "page",
    extension: "css",
    media_type: "text/css; charset=utf-8",
    text: include_str!("assets/page.css"),
};
/// The script.
pub(crate) static SCRIPT: Asset = Asset {
    name: "page",
    extension: "js",
    media_type: "text/javascript; charset=utf-8",
    text: include_str!("assets/page.js"),
};
/// The mark, as it stands in a browser's tab.
pub(crate) static ICON: Asset = Asset {
    name: "icon",
    extension: "svg",
    media_type: "image/svg+xml",
    text: include_str!("assets/icon.svg"),
};

/// All of them.
pub(crate) static ALL: [&Asset; 3] = [&STYLE, &SCRIPT, &ICON];

impl Asset {
    /// Its name with a part of its hash, so that it may be kept permanently.
    pub(crate) fn address(&self) -> String {
        let hash = Digest::of(self.text.as_bytes()).to_string();
        let short: String = hash.chars().take(12).collect();
        format!("{}-{short}.{}", self.name, self.extension)
    }
}
