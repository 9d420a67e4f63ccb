//! Machines without a network, as their people work: `request` and `apply` with a real portal's command
//! line between them.

mod common;
#[allow(dead_code, unreachable_pub, reason = "each test program uses its part of it")]
#[path = "../../tests/common/programs.rs"]
mod programs;

use std::path::Path;
use std::process::Command;

use common::{Machine, Run, Vendor, unknown_id};
use lm_portal::Kind;
use serde_json::json;

impl Machine {
    fn run_in(&self, folder: &Path, words: &[&str]) -> Run {
        Run::of(self.command(words).current_dir(folder))
    }
}

/// As a portal makes its directory itself.
fn only_mine(folder: &Path) {
    #[cfg(unix)]
    std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .expect("a folder of our own");
}

/// A portal by its command line, machines without a network, and the stick between them.
struct Site {
    vendor: Vendor,
    stick: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let mut vendor = Vendor::new();
        vendor.stop();
        only_mine(vendor.data());
        Self { vendor, stick: tempfile::tempdir().expect("a stick") }
    }

    fn machine(&self, identity: &str) -> Machine {
        Machine::new(&self.vendor.portal.trust_root(), None, identity)
    }

    fn at(&self, name: &str) -> String {
        self.stick.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn office(&self, words: &[&str]) -> Run {
        let program = programs::portal().expect("lm-portal");
        let data = self.vendor.data().to_str().expect("UTF-8").to_owned();
        let words = words.iter().map(|word| if *word == "portal" { data.as_str() } else { word });
        Run::of(Command::new(program).args(words).current_dir(self.stick.path()))
    }

    fn answer(&self, request: &str, response: &str) {
        let run = self.office(&["--data", "portal", "offline", "answer", request, "-o", response]);
        assert_eq!(run.code, 0, "{run:?}");
    }
}

fn ok() -> (i32, String) {
    (0, "LM_OK".to_owned())
}

#[test]
fn r70_r72_one_file_of_many_machines_out_one_in_and_a_return_by_its_proof() {
    let site = Site::new();
    let id = site.vendor.sells(Kind::Cc, 5);
    let machines = ["field-1", "field-2", "field-3"].map(|name| site.machine(name));
    let (asked, answered) = (site.at("site.txt"), site.at("answers.txt"));
    for machine in &machines {
        for _ in 0..2 {
            let request = ["request", "activate", &id, "--seats", "1", "-o", &asked, "--append"];
            assert_eq!(machine.result(&request), ok());
        }
        assert_eq!(machine.state(&id), "PENDING_ACTIVATION");
    }
    let text = std::fs::read_to_string(&asked).expect("the file");
    assert!(
        text.lines().next().expect("a line").ends_with("3 requests of field-1, field-2, field-3")
    );
    site.answer(&asked, &answered);
    for machine in &machines {
        assert_eq!(machine.result(&["apply", &answered]), ok());
        assert_eq!(machine.state(&id), "ACTIVE");
    }
    assert_eq!(site.vendor.seats(&id), (3, 2));

    let (proof, returned) = (site.at("proof.txt"), site.at("returned.txt"));
    assert_eq!(machines[0].result(&["request", "return", &id, "-o", &proof]), ok());
    assert_eq!(machines[0].state(&id), "PENDING_RETURN");
    assert_eq!(site.vendor.seats(&id), (3, 2), "no proof yet");
    site.answer(&proof, &returned);
    assert_eq!(site.vendor.seats(&id), (2, 3));
    let (code, rows) = machines[0].json(&["apply", &returned]);
    let message = "The license is returned: its seats are free, and the activation ID can be \
                   activated again here or on another machine.";
    assert_eq!(
        (code, rows),
        (0, json!([{ "activation_id": id, "result": "LM_OK", "message": message, "hint": "" }]))
    );
    assert_eq!(machines[0].result(&["apply", &returned]), (1, "LM_ERR_REPLAYED".to_owned()));
    assert_eq!(machines[0].result(&["apply", &answered]), (1, "LM_ERR_REPLAYED".to_owned()));
}

/// Several activation IDs of one machine in one response, each with its own outcome.
#[test]
fn r10_a_response_for_several_licenses_says_what_became_of_each() {
    let site = Site::new();
    let (one, unknown) = (site.vendor.sells(Kind::Nl, 1), unknown_id());
    let machine = site.machine("field-1");
    let (asked, answered) = (site.at("site.txt"), site.at("answers.txt"));
    for id in [&one, &unknown] {
        assert_eq!(machine.result(&["request", "activate", id, "-o", &asked, "--append"]), ok());
    }
    site.answer(&asked, &answered);
    let (code, rows) = machine.json(&["apply", &answered]);
    let result_of = |id: &str| {
        let rows = rows.as_array().expect("rows");
        rows.iter().find(|row| row["activation_id"] == id).expect("a row")["result"].clone()
    };
    assert_eq!((code, result_of(&one)), (1, json!("LM_OK")));
    assert_eq!(result_of(&unknown), "LM_ERR_ID_UNKNOWN");
    assert_eq!(
        (machine.state(&one).as_str(), machine.state(&unknown).as_str()),
        ("ACTIVE", "ABSENT")
    );
}

#[test]
fn a_file_that_is_there_is_never_replaced_and_nothing_is_begun_then() {
    let site = Site::new();
    let id = site.vendor.sells(Kind::Nl, 1);
    let machine = site.machine("field-1");
    let letter = site.at("letter.txt");
    std::fs::write(&letter, "Dear all\n").expect("a file");
    let nowhere = site.at("no/such/folder/request.txt");
    for (words, result, why) in [
        (&["-o", letter.as_str()][..], "LM_ERR_INVALID_ARGUMENT", "is there already"),
        (&["-o", &letter, "--append"], "LM_ERR_MALFORMED", "is no license file"),
        (&["-o", &nowhere], "LM_ERR_INVALID_ARGUMENT", "can't be written"),
    ] {
        let words = [&["request", "activate", &id], words].concat();
        let (code, rows) = machine.json(&words);
        assert_eq!((code, &rows[0]["result"]), (1, &json!(result)), "{rows}");
        assert!(rows[0]["message"].as_str().expect("a sentence").contains(why), "{rows}");
    }
    assert_eq!(machine.state(&id), "ABSENT");
    assert_eq!(std::fs::read_to_string(&letter).expect("the letter"), "Dear all\n");
    let names: Vec<_> = std::fs::read_dir(site.stick.path()).expect("the stick").collect();
    assert_eq!(names.len(), 1, "nothing is left lying about: {names:?}");

    // A response is no place for requests.
    let (asked, answered) = (site.at("a.txt"), site.at("b.txt"));
    assert_eq!(machine.result(&["request", "activate", &id, "-o", &asked]), ok());
    site.answer(&asked, &answered);
    let words = ["request", "activate", &id, "-o", &answered, "--append"];
    assert_eq!(machine.result(&words), (1, "LM_ERR_MISMATCH".to_owned()));
}

/// A deployment tool runs it on many machines at once, into one file on a disk that they share.
#[test]
fn many_machines_add_to_one_file_at_once() {
    let site = Site::new();
    let id = site.vendor.sells(Kind::Cc, 20);
    let asked = site.at("site.txt");
    let machines: Vec<_> = (0..8).map(|number| site.machine(&format!("field-{number}"))).collect();
    std::thread::scope(|scope| {
        for machine in &machines {
            scope.spawn(|| {
                let words = ["request", "activate", &id, "-o", &asked, "--append"];
                assert_eq!(machine.result(&words), ok());
            });
        }
    });
    site.answer(&asked, &site.at("answers.txt"));
    assert_eq!(site.vendor.seats(&id), (8, 12));
}

#[test]
fn r74_what_is_no_response_file_says_which_and_a_gigabyte_of_zeros_is_not_read() {
    let site = Site::new();
    let id = site.vendor.sells(Kind::Nl, 1);
    let machine = site.machine("field-1");
    let asked = site.at("asked.txt");
    assert_eq!(machine.result(&["request", "activate", &id, "-o", &asked]), ok());
    let zeros = site.at("zeros");
    std::fs::File::create(&zeros).and_then(|file| file.set_len(1 << 30)).expect("a large file");
    let nowhere = site.at("nowhere");
    let folder = site.at("");
    for (file, result) in [
        (&asked, "LM_ERR_MISMATCH"),
        (&zeros, "LM_ERR_TOO_LARGE"),
        (&nowhere, "LM_ERR_INVALID_ARGUMENT"),
        (&folder, "LM_ERR_INVALID_ARGUMENT"),
    ] {
        assert_eq!(machine.result(&["apply", file]), (1, result.to_owned()), "{file}");
    }
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 400000; exec \"$0\" \"$@\""]);
    command.arg(machine.command(&[]).get_program());
    command.args(machine.command(&["apply", &zeros]).get_args());
    let run = Run::of(&mut command);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("larger than a response file can be"), "{run:?}");
    assert_eq!(machine.state(&id), "PENDING_ACTIVATION", "it still waits");
}

/// What a phone reads from a picture of half blocks.
fn by_phone(shown: &str) -> String {
    let is_row = |line: &&str| line.chars().all(|dot| " ▀▄█".contains(dot)) && line.len() > 100;
    let rows: Vec<Vec<char>> =
        shown.lines().filter(is_row).map(|row| row.chars().collect()).collect();
    let is_dark = |x: usize, y: usize| match rows[y / 2][x] {
        '█' => true,
        '▀' => y.is_multiple_of(2),
        '▄' => !y.is_multiple_of(2),
        _ => false,
    };
    const SCALE: usize = 4;
    let (width, height) = (rows[0].len() * SCALE, rows.len() * 2 * SCALE);
    let shade = |x: usize, y: usize| if is_dark(x / SCALE, y / SCALE) { 0 } else { 255 };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, shade);
    let codes = image.detect_grids();
    assert_eq!(codes.len(), 1, "{shown}");
    codes[0].decode().expect("a code that can be read").1
}

#[test]
fn a_request_is_shown_as_a_picture_where_it_is_small_enough() {
    let site = Site::new();
    let id = site.vendor.sells(Kind::Cc, 5);
    let machine = site.machine("field-1");
    let run = machine.run(&["request", "activate", &id, "--qr"]);
    assert_eq!(run.code, 0, "{run:?}");
    let read = by_phone(&run.stdout);
    assert!(run.stdout.contains("The request is in the picture."), "{run:?}");
    assert!(!run.stdout.contains('\u{1b}'), "no colors where there is no terminal");

    let (asked, answered) = (site.at("asked.txt"), site.at("answered.txt"));
    std::fs::write(&asked, &read).expect("a file");
    site.answer(&asked, &answered);
    assert_eq!(machine.result(&["apply", &answered]), ok());
    // It carries the record now.
    let run = machine.run(&["request", "return", &id, "--qr", "-o", &site.at("proof.txt")]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stdout.contains("too large for a QR picture") && !run.stdout.contains('█'),
        "{run:?}"
    );
    let run = machine.run(&["request", "return", &id, "--qr"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("Write it into a file by -o"), "{run:?}");
    let both = machine.run(&["request", "return", &id, "--qr", "--json"]);
    assert_eq!(both.code, 2, "{both:?}");
    assert_eq!(machine.run(&["request", "return", &id]).code, 2, "neither file nor picture");
}

/// Every command of docs/offline.md, with what it prints.
#[test]
fn the_page_about_offline_sites_tells_what_happens() {
    let site = Site::new();
    let id = site.vendor.sells(Kind::Cc, 5);
    let machines = [("field-1", site.machine("field-1")), ("field-2", site.machine("field-2"))];
    let page = include_str!("../../docs/offline.md");
    let stories = page.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines: Vec<&str> = stories.flat_map(str::lines).collect();
    let mut told = lines.into_iter().peekable();
    let is_command = |line: &str| line.starts_with("field-") || line.starts_with("office$");
    let mut steps = 0;
    while let Some(line) = told.next() {
        let (place, command) = line.split_once("$ ").expect("a command");
        let command = command.replace(" ID ", &format!(" {id} "));
        let command =
            command.strip_suffix(" ID").map_or(command.clone(), |it| format!("{it} {id}"));
        let words: Vec<_> = command.split(' ').collect();
        let run = match words.as_slice() {
            ["lm-portal", words @ ..] => site.office(words),
            ["lm-administrator", "--config", "orthomap.conf", words @ ..] => {
                let (_, machine) =
                    machines.iter().find(|(name, _)| *name == place).expect("a machine");
                machine.run_in(site.stick.path(), words)
            }
            _ => panic!("{line}"),
        };
        let shown = neutral(&format!("{}{}", run.stdout, run.stderr), &id);
        let mut expected = String::new();
        while let Some(line) = told.next_if(|line| !is_command(line) || line.contains("  ")) {
            expected.push_str(line);
            expected.push('\n');
        }
        assert_eq!(shown, neutral(&expected, &id), "{line}");
        steps += 1;
    }
    assert_eq!(steps, 18);
    assert_eq!(site.vendor.seats(&id), (1, 4));
}

/// What differs from day to day, and how wide a table is.
fn neutral(text: &str, id: &str) -> String {
    let mut text = text.replace(id, "ID").replace(&id[id.len() - 5..], "END");
    while let Some(at) = text.find("(H-") {
        text.replace_range(at + 1..at + 23, "HOST");
    }
    if text.starts_with("E-") {
        text = "E-NUMBER\n".to_owned();
    }
    while let Some(at) = text.find("20").filter(|at| text[at + 4..].starts_with('-')) {
        let end = text[at..].find(" UTC").map_or(at + 10, |end| at + end + 4);
        text.replace_range(at..end, "DATE");
    }
    let narrow = |line: &str| {
        let cells: Vec<_> =
            line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        cells.join("  ")
    };
    text.lines().map(|line| narrow(line) + "\n").collect()
}
