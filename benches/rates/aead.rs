//! The AEAD alone, sealing and opening in place.

use wirecraft_batch_aead::{Key, Path};
use wirecraft_benches::{
    AEAD_BATCHES, Contestant, KEY, LIBRARY_BATCH, TEXT_LENS, Work, libraries, messages, mix,
    open_batch, seal_batch, sealed,
};

use crate::{Entry, Group};

/// How many bytes are worked on between two looks at the clock: few enough for the fastest cache, and
/// enough for the clock not to count.
const BYTES: usize = 16_384;

/// Batches that are worked on over and over, each time as they were before.
struct Batches {
    before: Vec<Vec<u8>>,
    batches: Vec<Vec<Vec<u8>>>,
    work: Work,
}

impl Batches {
    fn new(before: Vec<Vec<u8>>, work: Work) -> Self {
        let len: usize = before.iter().map(Vec::len).sum();
        Self {
            batches: vec![before.clone(); (BYTES / len).max(1)],
            before,
            work,
        }
    }
}

impl Contestant for Batches {
    fn prepare(&mut self) {
        for batch in &mut self.batches {
            for (message, before) in batch.iter_mut().zip(&self.before) {
                message.copy_from_slice(before);
            }
        }
    }

    fn run(&mut self) -> usize {
        for batch in &mut self.batches {
            (self.work)(std::hint::black_box(batch));
        }
        self.batches.len() * self.before.len()
    }
}

/// Packets of each length, and a mix of them.
pub(crate) fn groups() -> impl Iterator<Item = Group> {
    let even = TEXT_LENS.map(|len| group(len.to_string(), |batch| vec![len; batch]));
    even.into_iter().chain([group("mix".to_owned(), mix)])
}

fn group(name: String, lens: impl Fn(usize) -> Vec<usize>) -> Group {
    let mut entries = Vec::new();
    for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
        for batch in AEAD_BATCHES {
            let lens = lens(batch);
            let (sealing, opening) = (Key::with_path(&KEY, path), Key::with_path(&KEY, path));
            let seal: Work = Box::new(move |batch| seal_batch(&sealing, batch));
            let open: Work = Box::new(move |batch| open_batch(&opening, batch));
            let code = path.name();
            entries.extend(both(code, batch, path == Path::Single, &lens, [seal, open]));
        }
    }
    for library in libraries() {
        let work = [library.seal, library.open];
        let lens = lens(LIBRARY_BATCH);
        entries.extend(both(library.name, LIBRARY_BATCH, true, &lens, work));
    }
    Group { name, entries }
}

/// Sealing and opening.
fn both(
    code: &str,
    batch: usize,
    is_rival: bool,
    lens: &[usize],
    [seal, open]: [Work; 2],
) -> [Entry; 2] {
    let entry = |work, batches| Entry {
        work,
        code: code.to_owned(),
        batch,
        is_rival,
        contestant: Box::new(batches),
    };
    [
        entry("seal", Batches::new(messages(lens), seal)),
        entry("open", Batches::new(sealed(lens), open)),
    ]
}
