//! Invented names from many places: what is typed on a ward every day, and what breaks careless software.

use wardline_record::Sex::{self, Female, Male, Other};

/// A made-up patient's name.
pub struct Name {
    pub family: &'static str,
    pub given: &'static str,
    pub sex: Sex,
}

const fn name(family: &'static str, given: &'static str, sex: Sex) -> Name {
    Name { family, given, sex }
}

/// The patients; the first one has the longest history.
pub const NAMES: &[Name] = &[
    name("Müller", "Anna Lena", Female),
    name("Nguyễn", "Thị Ánh Đào", Female),
    name("Kowalski", "Stanisław", Male),
    name("田中", "葵", Female),
    name("الأحمد", "فاطمة", Female),
    name("Öztürk", "İbrahim", Male),
    name("Smith", "John", Male),
    name("Łukaszewska", "Małgorzata", Female),
    name("Weiß", "Jürgen", Male),
    name("Şahin", "Elif Nur", Female),
    name("Trần", "Văn Hùng", Male),
    name("佐藤", "健一", Male),
    name("García Márquez", "José Luis", Male),
    name("O'Brien", "Seán", Male),
    name("Sørensen", "Åse", Female),
    name("Müller-Lüdenscheidt", "Heinrich", Male),
    name("Dvořák", "Božena", Female),
    name("Королёв", "Алексей", Male),
    name("Παπαδόπουλος", "Νίκος", Male),
    name("कुमार", "अनिल", Male),
    name("김", "민준", Male),
    name("Silva e Souza", "Conceição", Female),
    name("Okafor", "Chidinma", Female),
    name("Johnson", "Mary", Female),
    name("van den Berg", "Femke", Female),
    name("Rossi", "Niccolò", Male),
    name("Lefèvre", "Chloé", Female),
    name("Szabó", "Győző", Male),
    name("Ionescu", "Ștefan", Male),
    name("Jóhannsdóttir", "Þórunn", Female),
    name("Haddad", "Layla", Female),
    name("חזן", "מרים", Female),
    name("Yılmaz", "Çağla", Female),
    name("Wang", "Xiǎomíng", Other),
    name("Bauer", "Ulrike", Female),
    name("Schäfer", "Günter", Male),
    name("Nowak", "Zofia", Female),
    name("Phạm", "Minh Đức", Male),
    name("鈴木", "さくら", Female),
    name("Sukarno", "", Male),
    name("Brown", "Emily Rose", Female),
    name("Žukauskas", "Rūta", Female),
];

/// Doctors, three to a branch; more branches than that begin again.
pub const DOCTORS: &[&str] = &[
    "Dr. Aylin Demir",
    "Dr. Peter Hoffmann",
    "Dr. Katarzyna Wójcik",
    "Dr. Minh Anh Lê",
    "Dr. Sofia Lindqvist",
    "Dr. Omar Khalil",
    "Dr. Yuki Nakamura",
    "Dr. Brigitte Krüger",
    "Dr. Tomás Fernández",
    "Dr. Ingrid Bøe",
    "Dr. Samuel Adeyemi",
    "Dr. Éva Kovács",
];
