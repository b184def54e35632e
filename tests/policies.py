"""Reads every IAM policy of the templates by AWS's own list of actions, resources and conditions, offline.

Run by `tests/static`: `policies.py TEMPLATE …`. Intrinsic functions become the text that they would give in an account,
and every branch of an `Fn::If` is read.
"""

import json
import re
import sys

import parliament
import yaml

ARN = "arn:aws:{service}:us-east-1:123456789012:{rest}"
# What !Ref or !GetAtt give, by the type of the resource; where it matters, with Arn.
ARNS = {
    "AWS::S3::Bucket": "arn:aws:s3:::tasador-bucket",
    "AWS::DynamoDB::Table": ARN.format(service="dynamodb", rest="table/tasador"),
    "AWS::Serverless::Function": ARN.format(service="lambda", rest="function:tasador"),
    "AWS::Logs::LogGroup": ARN.format(service="logs", rest="log-group:tasador:*"),
    "AWS::SNS::Topic": ARN.format(service="sns", rest="tasador"),
    "AWS::SQS::Queue": ARN.format(service="sqs", rest="tasador"),
    "AWS::SecretsManager::Secret": ARN.format(service="secretsmanager", rest="secret:tasador-abcdef"),
    "AWS::Serverless::StateMachine": ARN.format(service="states", rest="stateMachine:tasador"),
    "AWS::Batch::JobQueue": ARN.format(service="batch", rest="job-queue/tasador"),
    "AWS::Batch::JobDefinition": ARN.format(service="batch", rest="job-definition/tasador:1"),
    "AWS::Events::Rule": ARN.format(service="events", rest="rule/tasador"),
    "AWS::IAM::Role": "arn:aws:iam::123456789012:role/tasador",
    "AWS::IAM::OIDCProvider": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
}
PSEUDO = {
    "AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012", "AWS::StackName": "tasador",
}  # fmt: skip
# Where parliament is wrong or the finding is meant, by policy and finding. A finding that is not there any more is an
# error too: take it off the list.
EXCUSED = {
    # It wants a resource of every type that an action may have; these need one of the types only.
    ("FetchRole.needs", "RESOURCE_MISMATCH"): "executions of a standard machine are no express ones",
    ("TrackingRole.needs", "RESOURCE_MISMATCH"): "as above, and no Map Run is listed",
    ("WebRole.needs", "RESOURCE_MISMATCH"): "as for the two above: the page shows what runs",
    ("TrainingRole.needs", "RESOURCE_MISMATCH"): "a job has no name before it is submitted",
    ("StackRole.stack", "RESOURCE_MISMATCH"): "CloudFormation makes buckets and nothing else of S3",
    # The transform of SAM belongs to AWS and has no account.
    ("PlanRole.plan", "INVALID_ARN"): "the transform of SAM",
    ("DeployRole.deploy", "INVALID_ARN"): "the transform of SAM",
    ("DriftRole.drift", "INVALID_ARN"): "the transform of SAM",
    ("StackRole.stack", "INVALID_ARN"): "the transform of SAM",
    # tests/suite/template/permissions.rs lists what has no resources to name.
    ("TrainingRole.needs", "RESOURCE_STAR"): "a job is known by its id only after it was submitted",
    ("DeployRole.needs", "RESOURCE_STAR"): "alarms are described all at once",
    ("StackRole.stack", "RESOURCE_STAR"): "CloudFormation makes these resources, and nobody else may take its role",
}


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as the long ones."""


def short_form(loader, tag, node):
    name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", short_form)


class Template:
    def __init__(self, path):
        with open(path) as file:
            self.whole = yaml.load(file, Loader)
        self.resources = self.whole["Resources"]

    def named(self, name):
        """What a name in a !Ref, a !GetAtt or a text stands for."""
        name = name.split(".")[0]
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.resources:
            return ARNS.get(self.resources[name]["Type"], "tasador")
        # A parameter that may be an ARN is one of a secret.
        if "arn:" in self.whole["Parameters"].get(name, {}).get("AllowedPattern", ""):
            return ARNS["AWS::SecretsManager::Secret"]
        return "parameter"

    def filled(self, value):
        """A value with its intrinsic functions carried out; an Fn::If gives a list of both branches."""
        if isinstance(value, list):
            filled = []
            for one in value:
                if isinstance(one, dict) and "Fn::If" in one:
                    filled += [self.filled(branch) for branch in one["Fn::If"][1:] if branch != {"Ref": "AWS::NoValue"}]
                else:
                    filled.append(self.filled(one))
            return filled
        if not isinstance(value, dict):
            return value
        if "Ref" in value:
            return self.named(value["Ref"])
        if "Fn::GetAtt" in value:
            return self.named(value["Fn::GetAtt"])
        if "Fn::Sub" in value:
            return re.sub(r"\$\{([^}]*)\}", lambda found: self.named(found.group(1)), value["Fn::Sub"])
        if "Fn::If" in value:
            return self.filled(value["Fn::If"][1])
        return {self.filled(key): self.filled(inner) for key, inner in value.items()}

    def policies(self):
        for name, resource in self.resources.items():
            properties = resource.get("Properties", {})
            if resource["Type"] == "AWS::IAM::ManagedPolicy":
                yield name, properties["PolicyDocument"]
            for policy in properties.get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []:
                yield f"{name}.{policy['PolicyName']}", policy["PolicyDocument"]


def findings(paths):
    used = set()
    for path in paths:
        template = Template(path)
        read = 0
        for name, document in template.policies():
            read += 1
            for finding in parliament.analyze_policy_string(json.dumps(template.filled(document))).findings:
                if (name, finding.issue) in EXCUSED:
                    used.add((name, finding.issue))
                else:
                    yield f"{path}: {name}: {finding.issue}: {finding.detail} {finding.location}"[:400]
        if not read:
            yield f"{path}: no policy was found"
    for name, issue in EXCUSED.keys() - used:
        yield f"{name} has no {issue} any more; take it off the list"


def main():
    # A reader that finds nothing would be worth nothing.
    bad = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObjekt", "Resource": "*"}]}
    if not parliament.analyze_policy_string(json.dumps(bad)).findings:
        sys.exit("parliament finds nothing in a policy with an unknown action")
    found = list(findings(sys.argv[1:]))
    print("\n".join(found))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
