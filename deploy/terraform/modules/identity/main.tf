# The people: a Cognito pool whose only client is our back end. The client has a secret, which the http function reads with
# its role: a client id stands in every access token, and without a secret it would let anybody register past our rules.

resource "aws_cognito_user_pool" "this" {
  name                     = "${var.prefix}people"
  user_pool_tier           = "ESSENTIALS"
  auto_verified_attributes = ["email"]
  deletion_protection      = var.deletion_protection ? "ACTIVE" : "INACTIVE"
  mfa_configuration        = "OFF"

  username_configuration {
    case_sensitive = false
  }

  schema {
    name                = "email"
    attribute_data_type = "String"
    required            = true
    mutable             = true

    string_attribute_constraints {
      min_length = "3"
      max_length = "254"
    }
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }

  # Strength is judged by the back end, by how hard a password is to guess; these are the bounds.
  password_policy {
    minimum_length    = 8
    require_lowercase = false
    require_numbers   = false
    require_symbols   = false
    require_uppercase = false
  }
}

resource "aws_cognito_user_pool_client" "back_end" {
  name            = "${var.prefix}back-end"
  user_pool_id    = aws_cognito_user_pool.this.id
  generate_secret = true

  explicit_auth_flows           = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
  prevent_user_existence_errors = "ENABLED"
  enable_token_revocation       = true

  # As long as our own: see identity.AccessFor and identity.RefreshFor. A session lives from its last use on, and the
  # pool's token from the sign-in on; it is the pool that ends it.
  access_token_validity  = 10
  id_token_validity      = 10
  refresh_token_validity = 365

  token_validity_units {
    access_token  = "minutes"
    id_token      = "minutes"
    refresh_token = "days"
  }

  read_attributes  = ["email", "email_verified"]
  write_attributes = ["email"]
}

# Whoever is in it is an administrator from their next sign-in on; the first person is put there.
resource "aws_cognito_user_group" "administrators" {
  name         = "administrators"
  user_pool_id = aws_cognito_user_pool.this.id
}
