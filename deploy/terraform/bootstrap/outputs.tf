output "state_config" {
  description = "What state.config of an environment says."
  value       = <<-EOT
    bucket = "${module.state.name}"
    region = "${var.region}"
  EOT
}

output "deploy_role_arns" {
  description = "Roles of GitHub's jobs, by environment."
  value       = { for environment, role in aws_iam_role.deploy : environment => role.arn }
}
