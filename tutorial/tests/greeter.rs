//! The greeter in a model, as the tutorial has it.

use relation_bus::testing::TestModel;

async fn related() -> TestModel {
    let mut model = TestModel::empty("tutorial").await;
    model.deploy("greeter", env!("CARGO_MANIFEST_DIR"), 2).await;
    model.deploy("guest", env!("CARGO_MANIFEST_DIR"), 1).await;
    model.integrate("greeter:greeting", "guest:greeted-by");
    model.settle_within(40).await;
    model
}

#[tokio::test]
async fn a_guest_is_greeted_with_the_word_of_the_day() {
    let mut model = related().await;
    model.assert_active();
    model.app_databag("greeter:greeting", "guest").assert_text("word", "hello");

    model.configure("greeter", "word", "welcome");
    model.settle_within(3).await;
    model.app_databag("greeter:greeting", "guest").assert_text("word", "welcome");
    model.assert_status("greeter/1", "active: says welcome");
}

#[tokio::test]
async fn a_greeter_without_a_word_says_what_to_do() {
    let mut model = related().await;
    model.configure("greeter", "word", "");
    model.settle_within(3).await;
    model.assert_status("greeter/0", "blocked: [config] no word: set the option `word`");
    model.app_databag("greeter:greeting", "guest").assert_text("word", "hello");
}

#[tokio::test]
async fn an_unchanged_model_costs_little_and_is_left_alone() {
    let mut model = related().await;
    model.assert_steady().await;
    model.dispatch("greeter/1", relation_bus::hook::LifeCycle::UpdateStatus).await;
    model.assert_calls_at_most("greeter/1", 8);
}
