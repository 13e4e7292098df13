"""Every setting, its default and its range: frozen, flat dataclasses, and the strict reading of TOML."""

from seqvae.config.breeding import (
    EvolutionConfig,
    GuideConfig,
    LatentMovesConfig,
    MoveConfig,
    OperatorConfig,
    OperatorSelectionConfig,
    RetrainingConfig,
)
from seqvae.config.checks import (
    HUGE,
    between,
    one_of,
    suggestion,
)
from seqvae.config.data import (
    DataConfig,
)
from seqvae.config.decoding import (
    DecodeConfig,
)
from seqvae.config.evaluation import (
    DiagnosisConfig,
    EvaluationConfig,
    RateDistortionConfig,
)
from seqvae.config.execution import (
    ExecutorConfig,
)
from seqvae.config.inference import (
    SCORE_SAMPLES,
    SCORE_STEPS,
    ImputeConfig,
    ScoreConfig,
)
from seqvae.config.objective import (
    TARGETS,
    ObjectiveConfig,
)
from seqvae.config.optimizers import (
    BATCH,
    INITIAL,
    OPTIMIZERS,
    AscentConfig,
    CmaConfig,
    GenerativeConfig,
    GeneticConfig,
    OptimizerConfig,
    SamplingConfig,
    ScreeningConfig,
    TurboConfig,
)
from seqvae.config.run import (
    CHUNK,
    DEFAULT_MODEL,
    INFERENCE_BATCH,
    REFINE_STEPS,
    AdaptConfig,
    FinetuneConfig,
    ModelConfig,
    PriorConfig,
    RunConfig,
    TokenizerConfig,
    TrainingConfig,
)
from seqvae.config.search import (
    AnalogConfig,
    CampaignConfig,
    ConstraintConfig,
    EndConfig,
    OracleConfig,
    SearchConfig,
)
from seqvae.config.sizes import (
    FINETUNING,
    FOR_MANY,
    FROM_SCRATCH,
    OBJECTIVE_FOR_MANY,
    sized,
    steps_of,
    told_length,
    weighted,
)

__all__ = [
    "BATCH",
    "CHUNK",
    "DEFAULT_MODEL",
    "FINETUNING",
    "FOR_MANY",
    "FROM_SCRATCH",
    "HUGE",
    "INFERENCE_BATCH",
    "INITIAL",
    "OBJECTIVE_FOR_MANY",
    "OPTIMIZERS",
    "REFINE_STEPS",
    "SCORE_SAMPLES",
    "SCORE_STEPS",
    "TARGETS",
    "AdaptConfig",
    "AnalogConfig",
    "AscentConfig",
    "CampaignConfig",
    "CmaConfig",
    "ConstraintConfig",
    "DataConfig",
    "DecodeConfig",
    "DiagnosisConfig",
    "EndConfig",
    "EvaluationConfig",
    "EvolutionConfig",
    "ExecutorConfig",
    "FinetuneConfig",
    "GenerativeConfig",
    "GeneticConfig",
    "GuideConfig",
    "ImputeConfig",
    "LatentMovesConfig",
    "ModelConfig",
    "MoveConfig",
    "ObjectiveConfig",
    "OperatorConfig",
    "OperatorSelectionConfig",
    "OptimizerConfig",
    "OracleConfig",
    "PriorConfig",
    "RateDistortionConfig",
    "RetrainingConfig",
    "RunConfig",
    "SamplingConfig",
    "ScoreConfig",
    "ScreeningConfig",
    "SearchConfig",
    "TokenizerConfig",
    "TrainingConfig",
    "TurboConfig",
    "between",
    "one_of",
    "sized",
    "steps_of",
    "suggestion",
    "told_length",
    "weighted",
]
