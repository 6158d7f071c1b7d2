terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.6"
    }
  }

  # Bucket and region come with init, as deploy/aws.sh does it: bootstrap made the bucket.
  backend "s3" {
    key          = "parley/prod.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      application = "parley"
      environment = "prod"
    }
  }
}

module "parley" {
  source = "../../modules/parley"

  environment  = "prod"
  artifact     = var.artifact
  protect      = true
  registration = var.registration
  domain       = var.domain
  waf          = var.waf
  alarm_email  = var.alarm_email
  budget       = var.budget
}
