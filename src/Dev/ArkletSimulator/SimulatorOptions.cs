namespace ModuleController.Dev.ArkletSimulator;

/// <summary>What the program runs.</summary>
/// <param name="AdminPort">Null: no endpoint for behavior and statistics.</param>
internal sealed record SimulatorOptions(SimulatedBaseOptions Base, int? AdminPort);
