"""Trains the compared model: a linear regression on the numeric columns, saved as an MLflow model."""

import sys

import mlflow.sklearn
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

FEATURES = ["bed", "bath", "acre_lot", "house_size", "zip_code"]

listings, target = sys.argv[1:]
table = pd.read_csv(listings).dropna(subset=["price"])
pipeline = make_pipeline(SimpleImputer(), LinearRegression())
pipeline.fit(table[FEATURES].astype(float), table["price"])
mlflow.sklearn.save_model(pipeline, target, input_example=table[FEATURES].astype(float).head(2))
