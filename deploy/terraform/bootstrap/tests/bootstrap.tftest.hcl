mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/r" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::b" }
  }
}

variables {
  repository = "example/parley"
}

run "state_and_deployers" {
  assert {
    condition     = output.state_bucket == "parley-state-123456789012-eu-central-1"
    error_message = "Environments are told where their state is."
  }
  assert {
    condition = { for e, r in aws_iam_role.deploy : e => jsondecode(r.assume_role_policy).Statement[0].Condition } == {
      for e in ["dev", "prod"] : e => { StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = "repo:example/parley:environment:${e}"
      } }
    }
    error_message = "Only jobs of the repository's own environment deploy it."
  }
  assert {
    condition     = alltrue(flatten([for e, p in aws_iam_role_policy.deploy : [for s in jsondecode(p.policy).Statement : [for r in s.Resource : strcontains(r, ":role/parley-${e}-")]]]))
    error_message = "A deployer makes and hands out only the roles of its own environment."
  }
  assert {
    condition     = !can(regex("\\*|role/[a-z-]*deploy", join(" ", [for p in aws_iam_role_policy.deploy : p.policy])))
    error_message = "A deployer has no wildcard and does not change deployers."
  }
}

run "without_github" {
  variables {
    repository       = null
    api_gateway_logs = false
  }
  assert {
    condition     = length(aws_iam_role.deploy) == 0 && length(aws_iam_openid_connect_provider.github) == 0 && length(aws_api_gateway_account.this) == 0
    error_message = "Nobody is let in who was not asked for."
  }
}

run "refuses_a_wildcard_repository" {
  command = plan
  variables {
    repository = "example/*"
  }
  expect_failures = [var.repository]
}
