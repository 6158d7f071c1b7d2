mock_provider "aws" {
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/t", stream_arn = "arn:stream" }
  }
}

variables {
  name                = "t"
  hash_key            = "roomId"
  range_key           = "entry"
  indexes             = { userId-index = { hash_key = "userId", range_key = "messageId" } }
  stream              = true
  deletion_protection = true
}

run "keeps_what_it_is_given" {
  assert {
    condition     = aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST"
    error_message = "A table that nobody uses must cost nothing."
  }
  assert {
    condition     = aws_dynamodb_table.this.point_in_time_recovery[0].enabled
    error_message = "A table can be restored to any second."
  }
  assert {
    condition     = aws_dynamodb_table.this.server_side_encryption[0].enabled
    error_message = "A table is encrypted."
  }
  assert {
    condition     = aws_dynamodb_table.this.ttl[0].enabled && aws_dynamodb_table.this.ttl[0].attribute_name == "ttl"
    error_message = "Items expire by the attribute ttl."
  }
  assert {
    condition     = aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "A protected table refuses to be deleted."
  }
  assert {
    condition     = aws_dynamodb_table.this.stream_enabled && aws_dynamodb_table.this.stream_view_type == "NEW_IMAGE"
    error_message = "The stream has new images."
  }
  assert {
    condition     = output.index_arns == ["arn:aws:dynamodb:eu-central-1:123456789012:table/t/index/userId-index"]
    error_message = "Rights name indexes by their own ARN."
  }
  assert {
    condition     = toset([for a in aws_dynamodb_table.this.attribute : a.name]) == toset(["roomId", "entry", "userId", "messageId"])
    error_message = "Key attributes, and no others, are declared."
  }
}

run "plain" {
  variables {
    range_key           = null
    indexes             = {}
    stream              = false
    deletion_protection = false
  }
  assert {
    condition     = length(aws_dynamodb_table.this.attribute) == 1 && output.stream_arn == null
    error_message = "A table of one key and no stream."
  }
  assert {
    condition     = aws_dynamodb_table.this.point_in_time_recovery[0].enabled && aws_dynamodb_table.this.server_side_encryption[0].enabled
    error_message = "These hold for every table."
  }
}
