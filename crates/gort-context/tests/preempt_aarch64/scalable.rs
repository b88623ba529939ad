//! Where the processor has them: the scalable vectors (SVE), whole, and what is refused of the matrices (SME).

use super::*;

fn has(kind: libc::c_ulong, feature: u32) -> bool {
    // SAFETY: it asks for nothing.
    let features = unsafe { libc::getauxval(kind) };
    features & 1 << feature != 0
}

pub(crate) fn has_vectors() -> bool {
    has(libc::AT_HWCAP, 22)
}

fn has_matrices() -> bool {
    has(libc::AT_HWCAP2, 23)
}

/// Overwrites what a function may, and the rest of what the hook's own code does not reach.
pub(crate) fn spoil() {
    // SAFETY: whoever calls has looked whether the processor has these registers; it changes nothing else.
    unsafe {
        asm!(
            ".arch_extension sve",
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
            "dup z\\n\\().b, #0x55",
            ".endr",
            // The lower halves are the caller's.
            ".irp n, 8, 9, 10, 11, 12, 13, 14, 15",
            "mov v\\n\\().8b, v\\n\\().8b",
            ".endr",
            "setffr",
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
            "ptrue p\\n\\().b",
            ".endr",
            clobber_abi("C"),
        );
    }
}

/// The length of a vector in bytes.
fn vector() -> usize {
    let length: usize;
    // SAFETY: the same; it changes nothing.
    unsafe { asm!(".arch_extension sve", "rdvl {}, #1", out(reg) length) };
    length
}

/// Loads z0 to z31, FFR and p0 to p15, waits in a loop for `STOP`, and stores them; FFR comes last in memory.
#[unsafe(naked)]
unsafe extern "C" fn hold_vectors(from: *const u8, to: *mut u8, stop: *const u32) {
    naked_asm!(
        ".cfi_startproc",
        ".arch_extension sve",
        "sub sp, sp, #64",
        ".cfi_def_cfa_offset 64",
        "stp d8, d9, [sp, #0]",
        "stp d10, d11, [sp, #16]",
        "stp d12, d13, [sp, #32]",
        "stp d14, d15, [sp, #48]",
        "addvl x3, x0, #31",
        "addvl x3, x3, #1",
        "ldr p0, [x3, #16, mul vl]",
        "wrffr p0.b",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "ldr p\\n, [x3, #\\n, mul vl]",
        ".endr",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
        "ldr z\\n, [x0, #\\n, mul vl]",
        ".endr",
        "2:",
        "ldr w4, [x2]",
        "cbz w4, 2b",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
        "str z\\n, [x1, #\\n, mul vl]",
        ".endr",
        "addvl x3, x1, #31",
        "addvl x3, x3, #1",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "str p\\n, [x3, #\\n, mul vl]",
        ".endr",
        "rdffr p0.b",
        "str p0, [x3, #16, mul vl]",
        "ldp d8, d9, [sp, #0]",
        "ldp d10, d11, [sp, #16]",
        "ldp d12, d13, [sp, #32]",
        "ldp d14, d15, [sp, #48]",
        "add sp, sp, #64",
        ".cfi_def_cfa_offset 0",
        "ret",
        ".cfi_endproc",
    )
}

#[test]
fn vectors_of_any_length_survive() {
    if !has_vectors() {
        return eprintln!("not here: SVE");
    }
    let _alone = alone();
    let vector = vector();
    let predicate = vector / 8;
    let mut held: Vec<u8> =
        (0..32 * vector + 16 * predicate).map(|n| (n * 7 + n / 256) as u8).collect();
    // Of FFR the lower bits are set, up to one.
    held.extend((0..predicate).map(|n| if n < predicate / 2 { 0xff } else { 0 }));
    let mut seen = vec![0; held.len()];
    ENOUGH.store(1000, SeqCst);
    // SAFETY: the processor has what it uses, and both buffers are as long as all of it.
    interrupted(|| unsafe { hold_vectors(held.as_ptr(), seen.as_mut_ptr(), STOP.as_ptr()) });
    assert!(seen == held, "vectors of {vector} bytes");
    assert!(HOOKS.load(SeqCst) >= 1000, "refused: {REFUSED:?}");
}

/// Begins to use SME's array, or its streaming mode; waits for a refusal or for `STOP`; and ends that.
#[unsafe(naked)]
unsafe extern "C" fn hold_matrices(streaming: bool, refused: *const usize, stop: *const u32) {
    naked_asm!(
        "sub sp, sp, #64",
        "stp d8, d9, [sp, #0]",
        "stp d10, d11, [sp, #16]",
        "stp d12, d13, [sp, #32]",
        "stp d14, d15, [sp, #48]",
        "cbnz w0, 3f",
        ".inst 0xd503457f", // smstart za
        "b 2f",
        "3:",
        ".inst 0xd503437f", // smstart sm
        "2:",
        "ldr w3, [x2]",
        "ldr x4, [x1]",
        "orr x3, x3, x4",
        "cbz x3, 2b",
        ".inst 0xd503467f", // smstop
        "ldp d8, d9, [sp, #0]",
        "ldp d10, d11, [sp, #16]",
        "ldp d12, d13, [sp, #32]",
        "ldp d14, d15, [sp, #48]",
        "add sp, sp, #64",
        "ret",
    )
}

#[test]
fn matrices_are_refused() {
    if !has_matrices() {
        return eprintln!("not here: SME");
    }
    let _alone = alone();
    let refused = &REFUSED[Refused::TooMuchState as usize];
    for streaming in [false, true] {
        refused.store(0, SeqCst);
        let _alternate = AltStack::new().unwrap();
        let mut stack = stack();
        // SAFETY: the processor has what it uses; the two words are statics.
        let hold = || unsafe { hold_matrices(streaming, refused.as_ptr(), STOP.as_ptr()) };
        with_signals(|| on_stack(&mut stack, hold));
        assert!(refused.load(SeqCst) > 0, "streaming: {streaming}, refused: {REFUSED:?}");
    }
}
