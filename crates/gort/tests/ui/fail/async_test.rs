#[gort::test]
pub async fn works() -> Result<(), String> {
    std::future::ready(Ok(())).await
}

fn main() {}
