mock_provider "random" {}

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

run "plan" {
  command = plan
  variables {
    artifact = "main.tf" # any file
  }
  assert {
    condition     = output.table_prefix == "parley-prod-" && output.app_bucket == "parley-prod-app-123456789012"
    error_message = "Names begin with the environment."
  }
  assert {
    condition     = output.functions == { for f in ["socket", "http", "fanout", "stream", "notify", "maintain"] : f => "parley-prod-${f}" }
    error_message = "Six functions."
  }
}
