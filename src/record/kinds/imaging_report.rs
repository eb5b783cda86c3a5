//! An imaging report: what was imaged, what was seen, what it means. The images stay where they are.

use crate::{
    Record, Text,
    body::Kind,
    check::{Checker, limits},
    choice::{choice, fields},
    page::{Cell, Mark, Page, Role, Table},
    words::join,
};

choice! {
    /// How the images were made.
    Modality {
        /// X-ray images.
        Radiography = "radiography",
        /// Computed tomography.
        Ct = "ct",
        /// Magnetic resonance.
        Mri = "mri",
        /// Ultrasound.
        Ultrasound = "ultrasound",
        /// Mammography.
        Mammography = "mammography",
        /// Nuclear medicine, PET too.
        Nuclear = "nuclear",
        /// Endoscopy.
        Endoscopy = "endoscopy",
        /// Another way.
        Other = "other",
    }
}

choice! {
    /// The side of the body. Shared with operations.
    Side {
        /// The patient's left.
        Left = "left",
        /// The patient's right.
        Right = "right",
        /// Both.
        Both = "both",
        /// The part has no sides.
        NotApplicable = "not-applicable",
    }
}

fields! {
    /// A radiologist's report.
    ImagingReport {
        /// How the images were made. Required.
        modality: Option<Modality>,
        /// The part of the body. Required.
        region: Text,
        /// The side.
        side: Option<Side>,
        /// The contrast agent, if any.
        contrast: Text,
        /// What was to be answered.
        question: Text,
        /// What is seen: several lines. Required.
        findings: Text,
        /// What it means: several lines. Required.
        impression: Text,
        /// Where the images are: the study's number.
        study: Text,
        /// The series that it consists of.
        series: Vec<Series>,
    }
}

fields! {
    /// One series of images.
    Series {
        /// How it was made, as its source says: "DX", "Computed Radiography".
        modality: Text,
        /// What it shows.
        description: Text,
        /// The part of the body.
        region: Text,
        /// How many images it has.
        instances: Option<u16>,
    }
}

impl Series {
    fn check(&self, c: &mut Checker) {
        c.line("modality", &self.modality, limits::NAME);
        c.line("description", &self.description, limits::LINE);
        c.line("region", &self.region, limits::NAME);
    }
}

impl Kind for ImagingReport {
    fn check(&self, c: &mut Checker) {
        c.chosen("modality", self.modality);
        c.required("region", &self.region, limits::NAME);
        c.line("contrast", &self.contrast, limits::NAME);
        c.line("question", &self.question, limits::LINE);
        c.must(!self.findings.is_empty(), "findings", "fill this in");
        c.prose("findings", &self.findings);
        c.must(!self.impression.is_empty(), "impression", "fill this in");
        c.prose("impression", &self.impression);
        c.line("study", &self.study, limits::LINE);
        c.each("series", &self.series, |c, series| series.check(c));
    }

    fn summary(&self) -> String {
        let first_line = self.impression.lines().next().unwrap_or_default();
        join(": ", &[&self.imaged(), first_line])
    }

    fn page(&self, _: &Record, page: &mut Page) {
        page.marked_field("Imaging", self.imaged(), Mark::Strong);
        page.field("Contrast", &self.contrast);
        page.field("Question", &self.question);
        if self.findings.is_empty() && self.impression.is_empty() {
            page.field("Report", "none came with the images: neither findings nor impression");
        }
        page.prose("Impression", &self.impression);
        page.prose("Findings", &self.findings);
        page.field("Study", &self.study);
        let mut table = Table::new([
            ("Series", Role::Words),
            ("Modality", Role::Words),
            ("Region", Role::Words),
            ("Images", Role::Number),
        ]);
        for series in &self.series {
            let cells = [
                Cell::or(&series.description, "not described"),
                Cell::from(&series.modality),
                Cell::from(&series.region),
                Cell::of(series.instances),
            ];
            table.row(cells, "");
        }
        page.table(table);
    }
}

impl ImagingReport {
    /// "radiography left wrist".
    fn imaged(&self) -> String {
        let modality = self.modality.map(|m| m.words()).unwrap_or_default();
        let side = self.side.filter(|&s| s != Side::NotApplicable).map(|s| s.words()).unwrap_or_default();
        join(" ", &[&modality, &side, &self.region])
    }
}
