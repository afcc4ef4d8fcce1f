//! What a computation with secrets leaves on the stack.

/// How deep a handshake goes, in bytes, with room to spare: a test says that it goes half as deep.
///
/// Without optimisation every value that moves has a place of its own.
const DEPTH: usize = if cfg!(debug_assertions) {
    64 * 1024
} else {
    16 * 1024
};

/// Does `work`, then overwrites the stack that it used.
///
/// Values are wiped when they are dropped, but a value that moves leaves its bytes where it was, and
/// the arithmetic below us leaves intermediate results in its frames. They stay there until a later
/// call happens to go as deep. This wipes 16 KiB below the frame of the caller, 64 KiB in builds without
/// optimisation; what lies in that frame itself, as an argument that was moved into `work`, stays.
pub fn wipe_stack_after<T>(work: impl FnOnce() -> T) -> T {
    let result = apart(work);
    zeroize::zeroize_stack::<DEPTH>();
    result
}

/// Keeps `work` in a frame of its own, below the one that wipes.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[cfg(test)]
#[cfg(all(target_os = "linux", not(miri)))]
mod tests {
    use core::hint::black_box;
    use core::time::Duration;
    use std::fs::File;
    use std::os::unix::fs::FileExt;
    use std::thread;

    use chacha20::ChaCha8Rng;
    use rand_core::SeedableRng;
    use wirecraft_wire_format::Index;

    use super::{DEPTH, apart, wipe_stack_after};
    use crate::handshake::{ReceivedInitiation, initiate};
    use crate::keys::{PresharedKey, PrivateKey};
    use crate::statics::{LocalStatic, RemoteStatic};
    use crate::timestamp::Tai64N;

    const PAINT: u8 = 0xa5;
    const PAINTED: usize = 4 * DEPTH;

    #[inline(never)]
    fn paint() {
        black_box([PAINT; PAINTED]);
    }

    /// What lies in the `PAINTED` bytes below `top`, the lowest first.
    fn below(top: usize) -> std::vec::Vec<u8> {
        let mut bytes = std::vec![0; PAINTED];
        let memory = File::open("/proc/self/mem").expect("the memory of the process");
        let lowest = u64::try_from(top - PAINTED).expect("addresses have 64 bits");
        memory.read_exact_at(&mut bytes, lowest).expect("the stack");
        bytes
    }

    /// Paints the stack, does `work`, and returns what lies there then.
    fn stack_after(work: impl FnOnce() + Send + 'static) -> std::vec::Vec<u8> {
        let thread = thread::Builder::new().stack_size(2 * PAINTED + (1 << 20));
        let looked = thread.spawn(move || {
            let here = 0_u8;
            paint();
            work();
            below(core::ptr::from_ref(black_box(&here)).addr())
        });
        looked.expect("a thread").join().expect("the work is done")
    }

    /// All computations with keys, on both sides.
    fn handshake() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let [alice, bob] = [3, 5].map(|byte| LocalStatic::new(PrivateKey::from_bytes([byte; 32])));
        let to_bob = RemoteStatic::new(&alice, *bob.public_key()).unwrap();
        let to_alice = RemoteStatic::new(&bob, *alice.public_key()).unwrap();
        let psk = PresharedKey::from_bytes([7; 32]);
        let now = Tai64N::from_unix(Duration::from_secs(1));
        let (initiation, waiting) =
            initiate(&alice, &to_bob, now, Index::new(1), &mut rng).unwrap();
        let received = ReceivedInitiation::read(&bob, &initiation).unwrap();
        let fresh = received.authenticate(&to_alice, None).unwrap();
        let (response, _keys) = fresh.respond(&psk, Index::new(2), &mut rng).unwrap();
        let keys = waiting.read_response(&alice, &psk, &response);
        assert!(keys.is_ok());
    }

    #[test]
    fn a_handshake_goes_half_as_deep_as_is_wiped_at_most() {
        let stack = stack_after(|| apart(handshake));
        let untouched = stack.iter().take_while(|byte| **byte == PAINT).count();
        let depth = PAINTED - untouched;
        assert!(depth <= DEPTH / 2, "{depth}");
    }

    #[test]
    fn what_work_leaves_on_the_stack_is_overwritten() {
        let stack = stack_after(|| {
            wipe_stack_after(|| {
                black_box([0x5a_u8; DEPTH / 2]);
            });
        });
        assert!(stack.windows(16).all(|bytes| bytes != [0x5a; 16]));
        let unpainted = stack.iter().filter(|byte| **byte == 0).count();
        assert!(unpainted >= DEPTH - 4096, "{unpainted}");
    }

    #[test]
    fn what_is_not_wiped_is_found() {
        let stack = stack_after(|| {
            apart(|| {
                black_box([0x5a_u8; DEPTH / 2]);
            });
        });
        assert!(stack.windows(16).any(|bytes| bytes == [0x5a; 16]));
    }
}
