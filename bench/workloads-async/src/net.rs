use crate::AsyncRuntime;
use workloads::Args;
use workloads::net::{BUFFER, SMALL_BUFFER, announce, is_small};

pub async fn tcp_echo<R: AsyncRuntime>(args: &Args) {
    if is_small(args) {
        R::tcp_echo::<SMALL_BUFFER>(announce).await
    } else {
        R::tcp_echo::<BUFFER>(announce).await
    }
}
