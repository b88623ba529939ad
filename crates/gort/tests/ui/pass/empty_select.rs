use gort::{select, select_biased};

fn wait() -> ! {
    select! {}
}

fn choose(wait: bool) -> u8 {
    if wait {
        select_biased! {}
    }
    1
}

fn main() {
    if choose(false) == 2 {
        wait();
    }
}
