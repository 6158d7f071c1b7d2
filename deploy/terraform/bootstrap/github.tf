# GitHub proves with a token of the moment which repository and environment a job is of; nobody keeps a key.

resource "aws_iam_openid_connect_provider" "github" {
  count = var.repository == null ? 0 : 1

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "deploy" {
  for_each = var.repository == null ? [] : toset(["dev", "prod"])

  name                 = "parley-${each.key}-deploy"
  description          = "Deploys the environment ${each.key} out of GitHub."
  max_session_duration = 3600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = aws_iam_openid_connect_provider.github[0].arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = "repo:${var.repository}:environment:${each.key}"
        }
      }
    }]
  })
}

# Who makes tables, functions and distributions may do much in an account; what it may not do without more is give out
# rights: roles only of the environment's own names, handed only to Lambda.
resource "aws_iam_role_policy_attachment" "deploy" {
  for_each = aws_iam_role.deploy

  role       = each.value.name
  policy_arn = "arn:aws:iam::aws:policy/PowerUserAccess"
}

resource "aws_iam_role_policy" "deploy" {
  for_each = aws_iam_role.deploy

  name = "roles-of-functions"
  role = each.value.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow"
      Action = [
        "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
        "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:PutRolePolicy", "iam:TagRole", "iam:UntagRole",
        "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
      ]
      Resource = [for f in local.functions : "arn:aws:iam::${data.aws_caller_identity.current.account_id}:role/parley-${each.key}-${f}"]
      }, {
      Effect    = "Allow"
      Action    = ["iam:PassRole"]
      Resource  = [for f in local.functions : "arn:aws:iam::${data.aws_caller_identity.current.account_id}:role/parley-${each.key}-${f}"]
      Condition = { StringEquals = { "iam:PassedToService" = "lambda.amazonaws.com" } }
    }]
  })
}

locals {
  functions = ["socket", "http", "fanout", "stream", "notify", "maintain"]
}
