mock_provider "aws" {}

variables {
  prefix              = "parley-test-"
  deletion_protection = true
}

run "pool" {
  assert {
    condition     = aws_cognito_user_pool_client.back_end.generate_secret
    error_message = "Only the back end, which has the secret, speaks to the pool."
  }
  assert {
    condition     = aws_cognito_user_pool_client.back_end.prevent_user_existence_errors == "ENABLED"
    error_message = "Nobody learns which accounts there are."
  }
  assert {
    condition     = aws_cognito_user_pool_client.back_end.explicit_auth_flows == toset(["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
    error_message = "The flows that the back end uses, and no others."
  }
  assert {
    condition     = aws_cognito_user_pool_client.back_end.enable_token_revocation
    error_message = "Signing out ends the pool's session too; access tokens name it by origin_jti."
  }
  assert {
    condition     = !aws_cognito_user_pool.this.username_configuration[0].case_sensitive
    error_message = "Ada and ada are one name."
  }
  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "ACTIVE"
    error_message = "A protected pool refuses to be deleted."
  }
  assert {
    condition     = aws_cognito_user_pool_client.back_end.access_token_validity == 10 && aws_cognito_user_pool_client.back_end.token_validity_units[0].access_token == "minutes"
    error_message = "Access tokens hold for ten minutes."
  }
}
