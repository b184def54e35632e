//! Whatever the text is, it is refused or gives a machine that names its tasks.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tasador_states::Machine;

fuzz_target!(|text: &str| {
    if let Ok(machine) = Machine::parse(text) {
        let _ = machine.task_names();
    }
});
